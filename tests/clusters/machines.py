"""Several `hubbub serve` processes with one broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import cast
from urllib.parse import quote

import yaml

from ..end_to_end.client import Client, Fields
from ..end_to_end.running_server import RunningServer

TIMEOUT = 0.6
"""Seconds after which a broker counts as away here."""
API_KEY = "k" * 32


class Machines:
    """Servers and their clients, which end with the stack."""

    def __init__(self, stack: ExitStack, folder: Path, broker: str, config: Mapping[str, object]) -> None:
        """``broker`` is the name of its plugin."""
        self.servers: list[RunningServer] = []
        self._stack = stack
        self._folder = folder
        self._broker = {broker: {"timeout": TIMEOUT, "max_reconnect_seconds": 0.2, **config}}

    def start(self, **plugins: object) -> RunningServer:
        """Start one more server; ``plugins`` are on besides."""
        name = f"node{len(self.servers)}"
        folder = self._folder / name
        folder.mkdir()
        config: dict[str, object] = {
            "server": {"node": name, "lease": 3, "guest_names": "shared"},
            "plugins": {"chat": {}, "presence": {}, "heartbeat": {}, **self._broker, **plugins},
            "api": {"keys": [{"name": "tests", "key": API_KEY, "scopes": ["publish", "notify", "read"]}]},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        server = RunningServer(folder)
        self._stack.callback(server.stop)
        self.servers.append(server)
        return server

    def connect(self, server: RunningServer, user: str, room: str = "lobby") -> Client:
        """Connect somebody, who is in the room when this returns."""
        client = Client(server.url(f"/ws/{quote(room, safe='')}?user={quote(user, safe='')}"))
        self._stack.callback(client.vanish)
        client.wait_for(type="system", event="joined", user=user)
        return client


def wait_until_online(client: Client, *users: str, room: str = "lobby", timeout: float = 20.0) -> None:
    """Wait until the server of ``client`` knows that exactly these users are in the room."""
    deadline, shown = monotonic() + timeout, list[str]()
    while monotonic() < deadline:
        client.send(type="presence", room=room, id="who")
        reply = client.wait_for(type="presence", room=room)
        shown = sorted(cast(str, each["user"]) for each in cast("list[Fields]", reply["users"]))
        if shown == sorted(users):
            return
        client.send(type="ping", id="turn")
        client.wait_for(type="pong")
    raise AssertionError(f"to be online in {room!r} were {sorted(users)}, but were {shown}")


def heard_until(client: Client, last: object) -> list[tuple[object, object]]:
    """The messages that come, to the one that says ``last``, each with its number where there is a history."""
    found = list[tuple[object, object]]()
    while not found or found[-1][1] != last:
        event = client.wait_for(type="message")
        found.append((event.get("seq"), event["content"]))
    return found


def publish_and_wait(client: Client, content: object, id_: str, *, until: float = 20.0) -> None:
    """Publish, and send it again with the same id as long as that is refused as unavailable."""
    deadline = monotonic() + until
    while monotonic() < deadline:
        client.send(type="message", content=content, id=id_)
        while True:
            event = client.receive()
            if event.get("id") == id_ and event["type"] in ("ack", "error"):
                break
        if event["type"] == "ack":
            return
        assert event["code"] == "unavailable", event
    raise AssertionError(f"{content!r} was never taken")


def enter_with_listeners(
    machines: Machines, one: RunningServer, two: RunningServer
) -> tuple[Client, Client, list[Client]]:
    """Alice on one server, Bob on another, and who listens on each; all are known to be there."""
    alice, bob = machines.connect(one, "alice"), machines.connect(two, "bob")
    listeners = [machines.connect(server, f"listener{at}") for at, server in enumerate((one, two))]
    wait_until_online(alice, "alice", "bob", "listener0", "listener1")
    return alice, bob, listeners


def publish_in_turn(alice: Client, bob: Client, numbers: Iterable[int]) -> None:
    """Let both say each number, Alice first."""
    for number in numbers:
        publish_and_wait(alice, ["a", number], f"a{number}")
        publish_and_wait(bob, ["b", number], f"b{number}")


def talk_all_at_once(speakers: Sequence[Client]) -> None:
    """Let each say fifty things without waiting; when all is acknowledged, the first one says ``end``."""
    for number in range(50):
        for at, speaker in enumerate(speakers):
            speaker.send(type="message", content=[at, number], id=str(number))
    for speaker in speakers:
        speaker.wait_for(type="ack", id="49")
    speakers[0].send(type="message", content="end")


def is_ready(server: RunningServer) -> bool:
    """What a load balancer is told."""
    return server.get("/readyz")[0] == 200


def broker_trouble(server: RunningServer) -> str | None:
    """What the server says that is wrong with its broker."""
    body = cast("dict[str, dict[str, str]]", json.loads(server.get("/readyz")[1]))
    return body.get("troubles", {}).get("broker")
