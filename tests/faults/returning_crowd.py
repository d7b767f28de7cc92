"""Many clients that are away at the same time, and come back at the same time to get what they have missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from hubbub.core.bench_client import BenchClient, NotConnectedError
from websockets.uri import parse_uri

CONNECTING_AT_ONCE = 50


class Message(msgspec.Struct):
    """What matters of a message."""

    seq: int
    content: str


class Member:
    """One client: how far it had come when it went, and what it has got since then."""

    def __init__(self, name: str, room: str) -> None:
        self.name = name
        self.room = room
        self.line: BenchClient | None = None
        self.epoch = ""
        self.since = 0
        self.recovered: bool | None = None
        self.got: list[Message] = []
        self.has_all = asyncio.Event()


class ReturningCrowd:
    """So many members in each of so many rooms; the first of each room says everything that the others miss."""

    def __init__(self, url: Callable[[], str], *, rooms: int, members: int, missed: int) -> None:
        """``missed`` is how many events each of them misses."""
        self._url = url
        self._missed = missed
        self._decode = msgspec.json.Decoder(Message).decode
        self._rooms = [
            [Member(f"user-{room}-{member}", f"room-{room}") for member in range(members)] for room in range(rooms)
        ]
        self._members = [member for room in self._rooms for member in room]
        self.turned_away = 0
        """How often somebody was told to come again."""

    # What they do

    async def come(self) -> None:
        """Connect, some at a time."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def come(member: Member) -> None:
            async with gate:
                await self._connect(member, {})

        await asyncio.gather(*map(come, self._members))

    async def miss_something(self) -> None:
        """Let all but the first of each room vanish, who then says what the others miss."""
        for room in self._rooms:
            for member in room[1:]:
                self._vanish(member)
            self._expect(room[0])
            assert room[0].line is not None
            for number in range(self._missed):
                event = {"type": "message", "content": f"{room[0].room} {number}"}
                room[0].line.send(msgspec.json.encode(event))
        await asyncio.gather(*(room[0].has_all.wait() for room in self._rooms))
        for room in self._rooms:
            self._vanish(room[0])

    async def come_back(self, *, resume: bool = True) -> float:
        """Let all of them come back at once; return how many seconds it takes until each has what it has missed.

        Where they do not ``resume``, until they are back.
        """
        began = time.monotonic()
        for member in self._members:
            self._expect(member)
        await asyncio.gather(*(self._come_back(member, resume=resume) for member in self._members))
        return time.monotonic() - began

    async def _come_back(self, member: Member, *, resume: bool) -> None:
        query = {"epoch": member.epoch, "since": str(member.since)} if resume else {}
        while True:
            try:
                await self._connect(member, query)
                break
            except (OSError, NotConnectedError):
                self.turned_away += 1
                await asyncio.sleep(0.05)
        if resume:
            await member.has_all.wait()

    async def vanish(self) -> None:
        """Let all of them go."""
        lines = [member.line for member in self._members if member.line is not None]
        for member in self._members:
            self._vanish(member)
        while not all(line.is_lost for line in lines):  # noqa: ASYNC110
            await asyncio.sleep(0)

    def _vanish(self, member: Member) -> None:
        if member.line is not None:
            member.line.abort()
            member.line = None

    async def _connect(self, member: Member, query: Mapping[str, str]) -> None:
        uri = parse_uri(f"{self._url()}/{member.room}?{urlencode({'user': member.name, **query})}")
        line = BenchClient(0, uri, {}, _Listener(member, self))
        await asyncio.get_running_loop().create_connection(lambda: line, uri.host, uri.port)
        await line.welcomed
        member.line = line

    def _expect(self, member: Member) -> None:
        member.got, member.recovered = [], None
        member.has_all.clear()

    # What they hear

    def message(self, member: Member, frame: bytes) -> None:
        """Take a message."""
        member.got.append(self._decode(frame))
        if len(member.got) == self._missed:
            member.has_all.set()

    def faults(self) -> list[str]:
        """Who has got anything else than what was missed, in order, once."""
        faults: list[str] = []
        for room in self._rooms:
            expected = [Message(seq, f"{room[0].room} {seq - 1}") for seq in range(1, self._missed + 1)]
            faults += [f"{each.name} has got {each.got}" for each in room if each.got != expected]
            faults += [f"{each.name} is not recovered" for each in room if not each.recovered]
        return faults


class _Listener:
    def __init__(self, member: Member, crowd: ReturningCrowd) -> None:
        self._member = member
        self._crowd = crowd

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        if not frame.startswith(b'{"type":"message"'):
            return False
        self._crowd.message(self._member, frame)
        return True

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        if event.get("event") == "joined" and event.get("user") == self._member.name:
            member = self._member
            member.recovered = event.get("recovered")
            member.epoch = event["epoch"]
            if member.recovered is None:
                member.since = event["seq"]

    def writable(self, client: BenchClient) -> None: ...

    def closed(self, client: BenchClient, code: int, reason: str) -> None: ...
