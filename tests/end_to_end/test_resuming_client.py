"""The reference client of docs/clients.md, on a server that is killed under it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from .kept_port import KeptPort
from .running_server import RunningServer

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ROOMS = ("lobby", "garden")
Event = dict[str, Any]


class Killable:
    """A server that is killed and comes back on the same port."""

    def __init__(self, folder: Path, **plugins: object) -> None:
        (folder / "config.yaml").write_text(yaml.safe_dump({"plugins": {"chat": {}, **plugins}}))
        self._folder = folder
        self._port = KeptPort()
        self._server = self._start()
        self.url = self._server.url()

    def restart(self) -> None:
        self._server.stop(signal.SIGKILL)
        self._server = self._start()

    def _start(self) -> RunningServer:
        return RunningServer(self._folder, ["--port", str(self._port.number)])

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Killable]]:
    servers: list[Killable] = []

    def start(**plugins: object) -> Killable:
        servers.append(Killable(tmp_path, **plugins))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Person:
    """A `ResumingClient`, and what it was told."""

    def __init__(self, module: Any, server: Killable, user: str, rooms: tuple[str, ...] = ROOMS) -> None:
        self.client = module.ResumingClient(server.url, rooms, self._note, user=user)
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def has(self, wanted: Callable[[list[Event]], bool]) -> None:
        while not wanted(self.events):
            self._changed.clear()
            await self._changed.wait()

    def messages(self, room: str) -> list[tuple[int, str]]:
        return [
            (each["seq"], each["content"])
            for each in self.events
            if each["type"] == "message" and each["room"] == room
        ]

    def entries(self) -> list[Event]:
        return [each for each in self.events if each.get("event") == "joined" and "epoch" in each]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(50):
            await scene()

    asyncio.run(bounded())


def shortly(low: float, high: float) -> float:
    return low + (high - low) / 10


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    monkeypatch.setattr(random, "uniform", shortly)
    return import_module("resuming_client")


def test_nothing_is_lost_or_doubled_while_the_server_is_killed_again_and_again(
    start: Callable[..., Killable], module: Any
) -> None:
    server = start(history={"store": "sqlite"})

    async def scene() -> None:
        people = [Person(module, server, user) for user in ("alice", "bob")]
        running = [asyncio.create_task(person.client.run()) for person in people]
        published: list[tuple[str, int, str]] = []
        is_over = False

        async def talk(person: Person, name: str, room: str) -> None:
            number = 0
            while not is_over:
                number += 1
                content = f"{name} {number}"
                confirmed = await person.client.publish(room, content)
                published.append((room, confirmed["seq"], content))

        talking = [
            asyncio.create_task(talk(person, name, room))
            for person, name in zip(people, ("alice", "bob"), strict=True)
            for room in ROOMS
        ]
        for restarts in range(1, 4):
            await people[0].has(lambda events: len(people[0].entries()) == restarts * len(ROOMS))  # noqa: B023
            await people[0].has(lambda events: len(people[0].messages("garden")) > restarts * 20)  # noqa: B023
            await asyncio.to_thread(server.restart)
        await people[0].has(lambda events: len(people[0].entries()) == 4 * len(ROOMS))
        is_over = True
        await asyncio.gather(*talking)
        for room in ROOMS:
            expected = sorted((seq, content) for where, seq, content in published if where == room)
            assert [seq for seq, _ in expected] == list(range(1, len(expected) + 1))
            for person in people:
                await person.has(lambda events: len(person.messages(room)) >= len(expected))  # noqa: B023
                assert person.messages(room) == expected
        assert all(entry["recovered"] for entry in people[0].entries()[len(ROOMS) :])
        await end(running)

    play(scene)


def test_where_the_record_is_lost_it_begins_anew_at_the_place_that_the_server_names(
    start: Callable[..., Killable], module: Any
) -> None:
    server = start(history={"store": "memory"})

    async def scene() -> None:
        alice = Person(module, server, "alice", ("lobby",))
        running = [asyncio.create_task(alice.client.run())]
        await alice.client.publish("lobby", "before")
        await asyncio.to_thread(server.restart)
        after = await alice.client.publish("lobby", "after")
        await alice.has(lambda events: len(alice.entries()) == 2)
        assert [entry.get("recovered") for entry in alice.entries()] == [None, False]
        assert after["seq"] == 1
        await end(running)

    play(scene)


def test_who_is_not_wanted_stays_away_and_says_why(start: Callable[..., Killable], module: Any) -> None:
    server = start(validation={})

    async def scene() -> None:
        alice, other = Person(module, server, "alice"), Person(module, server, "alice")
        running = [asyncio.create_task(alice.client.run())]
        await alice.client.publish("lobby", "here")
        with pytest.raises(module.Refused, match="4009: The name 'alice' is taken"):
            await other.client.run()
        with pytest.raises(module.Refused, match="blank"):
            await alice.client.publish("lobby", " ")
        await end(running)

    play(scene)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
