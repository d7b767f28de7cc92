"""Several `hubbub serve` processes with one broker, one of them at the end of a cable."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, cast

import yaml

from ...end_to_end.running_server import RunningServer
from .engines import Engine
from .network import Cable

API_KEY = "k" * 32
NODES = 3
UNKEPT = "unkept"
"""How the names of rooms begin that have no history."""


class Times(NamedTuple):
    """The servers' limits, in seconds: those that they have by default, unless a test is in a hurry."""

    lease: float = 5.0
    timeout: float = 3.0
    """After which a broker that does not answer counts as away."""
    max_reconnect: float = 2.0


DEFAULT_TIMES = Times()


class Node:
    """One server after the other at the same place."""

    def __init__(self, folder: Path, config: Mapping[str, object]) -> None:
        folder.mkdir()
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        self._folder = folder
        self.now = RunningServer(folder)

    def url(self) -> str:
        """Where clients connect."""
        return self.now.url()

    def kill(self) -> None:
        """As a crash does: without a word."""
        self.now.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start again where the last one was."""
        self.now = RunningServer(self._folder, ("--port", str(self.now.port)))

    def is_ready(self) -> bool:
        """What a load balancer is told."""
        return self.now.get("/readyz")[0] == 200

    def presence(self, room: str) -> dict[str, int]:
        """The users that are in a room and how many connections each has; -1 where that is unconfirmed."""
        request = urllib.request.Request(
            f"http://{self.now.host}:{self.now.port}/api/rooms/{room}/presence",
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            users = cast("list[dict[str, object]]", json.loads(response.read())["users"])
        return {
            cast(str, each["user"]): -1 if each.get("unconfirmed") else cast(int, each["connections"])
            for each in users
        }


class Fleet:
    """All servers. The broker of the last one is at the other end of `cable`."""

    def __init__(self, folder: Path, engine: Engine, times: Times = DEFAULT_TIMES) -> None:
        self.engine = engine
        self.times = times
        self.cable = Cable(engine.port)
        with ThreadPoolExecutor(NODES) as pool:
            ports = [engine.port] * (NODES - 1) + [self.cable.port]
            started = [pool.submit(self._start, folder, number, port) for number, port in enumerate(ports)]
        self.nodes: list[Node] = []
        try:
            self.nodes.extend(each.result() for each in started)
        except BaseException:
            self.nodes.extend(each.result() for each in started if each.exception() is None)
            self.remove()
            raise

    def _start(self, folder: Path, number: int, port: int) -> Node:
        times = {"timeout": self.times.timeout, "max_reconnect_seconds": self.times.max_reconnect}
        kept = self.engine.has_history
        config: dict[str, object] = {
            "server": {
                "node": f"node{number}",
                "lease": self.times.lease,
                "guest_names": "shared",
                "max_connections_per_address": 10_000,
                "connects_per_minute_per_address": 1_000_000,
            },
            "rooms": {"options": {f"{UNKEPT}-*": {"plugins": {"history": {"keep": 0}}}}} if kept else {},
            "plugins": {"chat": {}, "presence": {}, "heartbeat": {}, **self.engine.plugins(port, times)},
            "api": {"keys": [{"name": "chaos", "key": API_KEY, "scopes": ["read"]}]},
        }
        return Node(folder / f"node{number}", config)

    def remove(self) -> None:
        """End all of it; a broker that is frozen has to be awake by then."""
        with ThreadPoolExecutor(NODES) as pool:
            ended = [pool.submit(node.now.stop) for node in self.nodes]
        self.cable.remove()
        for each in ended:
            each.result()
