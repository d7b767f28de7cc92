"""Three NATS servers, of which the one is killed that a Hubbub is connected to."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import cast

import pytest

from ..end_to_end.kept_port import KeptPort
from ..plugins.history.servers import Nats
from .machines import (
    Machines,
    enter_with_listeners,
    heard_until,
    is_ready,
    publish_and_wait,
    publish_in_turn,
    wait_until_online,
)


class NatsNode(Nats):
    """One of a cluster, which tells who is connected."""

    def __init__(self, port: KeptPort, others: list[KeptPort]) -> None:
        self._kept_monitor, self._kept_route = KeptPort(), port
        routes = ",".join(f"nats://127.0.0.1:{each.number}" for each in others)
        cluster = ("--cluster_name", "ours", "--cluster", f"nats://127.0.0.1:{port.number}", "--routes", routes)
        super().__init__("-m", str(self._kept_monitor.number), *cluster)

    def monitored(self, what: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{self._kept_monitor.number}/{what}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return cast("dict[str, object]", json.load(response))

    def has(self, name: str) -> bool:
        connections = cast("list[dict[str, str]]", self.monitored("connz")["connections"])
        return any(each.get("name", "").startswith(f"hubbub {name}") for each in connections)


@pytest.fixture
def nodes() -> Iterator[list[NatsNode]]:
    ports = [KeptPort() for _ in range(3)]
    with ExitStack() as stack:
        nodes = list[NatsNode]()
        for port in ports:
            node = NatsNode(port, [each for each in ports if each is not port])
            stack.callback(node.remove)
            nodes.append(node)
        deadline = monotonic() + 20
        while any(node.monitored("routez")["num_routes"] != 2 for node in nodes):
            assert monotonic() < deadline, "the cluster does not come together"
        yield nodes


def test_when_a_server_of_the_cluster_is_killed_they_go_on_with_another(
    nodes: list[NatsNode], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        machines = Machines(stack, tmp_path, "nats", {"servers": [node.url for node in nodes]})
        one, two = machines.start(), machines.start()
        alice, bob, listeners = enter_with_listeners(machines, one, two)
        publish_in_turn(alice, bob, range(10))
        victim = next(node for node in nodes if node.has("node0"))
        lost = [server for at, server in enumerate((one, two)) if victim.has(f"node{at}")]
        victim.kill()
        for server in lost:
            server.log.wait_for("the broker is back")
            assert is_ready(server)
        wait_until_online(alice, "alice", "bob", "listener0", "listener1")
        publish_in_turn(alice, bob, range(10, 20))
        publish_and_wait(alice, "end", "end")
        for listener, near in zip(listeners, "ab", strict=True):
            heard = [cast("list[object]", content) for _, content in heard_until(listener, "end")[:-1]]
            for who in "ab":
                numbers = [cast(int, each[1]) for each in heard if each[0] == who]
                assert numbers == sorted(set(numbers))
                assert {*range(10), 19} <= set(numbers)
                # Those of the other side may come before NATS has passed on who wants them.
                assert who != near or numbers == list(range(20))
