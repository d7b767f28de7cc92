"""A Redis Cluster of three masters, as broker and with the history, for the user that the docs recommend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import cast

import pytest
from redis.crc import key_slot

from ..end_to_end.client import Client
from ..plugins.history.servers import send
from .machines import Machines, publish_and_wait
from .redis_kinds import PASSWORD, Cluster, ClusterNode, connect, denials


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def machines(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    url = f"redis://hubbub:{PASSWORD}@{cluster.nodes[0].address}"
    history = {"store": "redis", "url": url, "redis": {"cluster": True}}
    with ExitStack() as stack:
        machines = Machines(stack, tmp_path_factory.mktemp("machines"), {"url": url, "cluster": True})
        for _ in range(2):
            machines.start(history=history)
        yield machines


ROOMS = count()


def room_on(node: ClusterNode) -> str:
    """The name of a new room, whose slot a node has."""
    slots = [line.split("-") for line in _myself(node)[8:]]
    for number in ROOMS:
        room = f"room:{number}"
        slot = key_slot(f"{{{room.replace(':', '%3A')}}}".encode())
        if any(int(each[0]) <= slot <= int(each[-1]) for each in slots):
            return room
    raise AssertionError


def _myself(node: ClusterNode) -> list[str]:
    lines = cast(bytes, send(node, "CLUSTER", "NODES")).decode().splitlines()
    return next(line.split() for line in lines if "myself" in line)


def told_until(client: Client, last: object) -> list[tuple[object, object]]:
    found = list[tuple[object, object]]()
    while not found or found[-1][1] != last:
        event = client.wait_for(type="message")
        found.append((event["seq"], event["content"]))
    return found


def spublished(node: ClusterNode) -> int:
    """How often something was published there, by itself or in a script."""
    with connect(node) as connection:
        found = cast("dict[str, dict[str, int]]", connection.info("commandstats"))
    return found.get("cmdstat_spublish", {}).get("calls", 0)


def test_each_room_is_on_one_master_with_its_channel_and_its_history(cluster: Cluster, machines: Machines) -> None:
    one, two = machines.servers
    rooms = [room_on(node) for node in cluster.nodes]
    here = [machines.connect(one, "alice", room) for room in rooms]
    there = [machines.connect(two, "bob", room) for room in rooms]
    listeners = [machines.connect(two, "listener", room) for room in rooms]
    for number in range(20):
        for room, alice, bob in zip(rooms, here, there, strict=True):
            publish_and_wait(alice, [room, "a", number], f"a{number}")
            publish_and_wait(bob, [room, "b", number], f"b{number}")
    for room, alice, listener, node in zip(rooms, here, listeners, cluster.nodes, strict=True):
        publish_and_wait(alice, "end", "end")
        expected = [[room, who, number] for number in range(20) for who in "ab"]
        assert told_until(listener, "end") == list(enumerate([*expected, "end"], 1))
        name = room.replace(":", "%3A").encode()
        assert b"hubbub:room:{%b}" % name in cast("list[bytes]", send(node, "PUBSUB", "SHARDCHANNELS"))
        assert send(node, "XLEN", f"hubbub:history:{{{name.decode()}}}:events") == 41
    assert [denials(node) for node in cluster.nodes] == [[], [], []]
