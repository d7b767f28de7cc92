"""A client in several rooms, as clients should be: it resumes where it was, and sends again what has no answer."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any
from urllib.parse import urlencode

from hubbub.core.bench_client import BenchClient, NotConnectedError
from websockets.uri import parse_uri

from .seat import Seat

MOST_UNANSWERED = 2
"""In one room; what would be more is not said."""
PAUSES = (0.1, 0.3)
"""Seconds between which it waits until it tries again to connect."""


class ChaosClient:
    """One user with one connection, to the server that is its `home`."""

    def __init__(self, name: str, rooms: Sequence[str], *, has_history: bool) -> None:
        """Where there is no history, nothing is sent again: it could be there twice."""
        self.name = name
        self.home: str | None = None
        """The URL of the server to which it connects, as in ws://127.0.0.1:8000/ws; None: to none."""
        self.seats = {room: Seat(name, room) for room in rooms}
        self.refusals = 0
        self.complaints: list[str] = []
        self._has_history = has_history
        self._turns = count()
        self._numbers = count(1)
        self._asked: dict[str, Seat] = {}
        """Whose answer comes under which id."""
        self._line: BenchClient | None = None
        self._has_gone = asyncio.Event()

    def __repr__(self) -> str:
        seats = ", ".join(repr(seat) for seat in self.seats.values() if not seat.is_up_to_date or seat.unanswered)
        return f"{self.name} at {self.home}: {'away' if self._line is None else 'connected'} {seats}"

    @property
    def is_up_to_date(self) -> bool:
        """Whether it is in all its rooms, and has got what had been published when it came."""
        return all(seat.is_up_to_date for seat in self.seats.values())

    @property
    def is_answered(self) -> bool:
        """Whether nothing of its own waits for an answer."""
        return not any(seat.unanswered for seat in self.seats.values())

    # Connecting

    async def run(self) -> None:
        """Be connected, again and again, until this is cancelled."""
        try:
            while True:
                if self.home is not None:
                    with suppress(OSError, NotConnectedError):
                        await self._be_connected(self.home)
                await asyncio.sleep(random.uniform(*PAUSES))
        finally:
            if self._line is not None:
                self._line.abort()

    async def _be_connected(self, home: str) -> None:
        first = next(iter(self.seats.values()))
        uri = parse_uri(f"{home}/{first.room}?{urlencode({'user': self.name, **first.query()})}")
        self._has_gone.clear()
        line = BenchClient(0, uri, {}, self)
        await asyncio.get_running_loop().create_connection(lambda: line, uri.host, uri.port)
        await line.welcomed
        if not line.is_connected:
            return
        self._line = line
        for seat in self.seats.values():
            if seat is not first and not seat.is_joined:
                self._join(seat)
        await self._has_gone.wait()

    def _join(self, seat: Seat) -> None:
        id_ = f"join-{next(self._numbers)}"
        self._asked[id_] = seat
        self._send(json.dumps({"type": "join", "room": seat.room, "id": id_, **seat.query()}).encode())

    def _send(self, frame: bytes) -> None:
        if self._line is not None and self._line.is_connected:
            self._line.send(frame)

    def lose_connection(self) -> None:
        """Have the connection cut."""
        if self._line is not None:
            self._line.abort()
            self.closed(self._line, 1006, "")

    # Listening

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        """Leave every frame to `event`."""
        return False

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        """Take what the server says."""
        match event["type"]:
            case "message":
                self.seats[event["room"]].message(event)
            case "ack":
                self._ack(event)
            case "error":
                self._error(event)
            case "gap":
                self.seats[event["room"]].gap(event)
            case "system":
                self._news(client, event)
            case _:
                pass

    def writable(self, client: BenchClient) -> None:
        """There is nothing that waits for this."""

    def closed(self, client: BenchClient, code: int, reason: str) -> None:
        """Come back."""
        if self._line is client or self._line is None:
            self._line = None
            for seat in self.seats.values():
                seat.went()
                if not self._has_history:  # What became of it will never be known.
                    seat.refused |= dict.fromkeys(seat.unanswered, "no answer")
                    seat.unanswered.clear()
            self._has_gone.set()

    def _news(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        seat = self.seats.get(event.get("room", ""))
        if seat is None or event["event"] == "welcome":
            return
        if event["event"] != "joined" or event.get("user") != self.name or seat.is_joined:
            seat.news(event)
        elif seat.joined(event):
            for frame in seat.unanswered.values():
                client.send(frame)
        else:
            client.abort()
            self.closed(client, 1006, "")

    # Publishing

    def talk(self) -> None:
        """Say something in the next of its rooms, unless too much waits there already."""
        rooms = list(self.seats.values())
        seat = rooms[next(self._turns) % len(rooms)]
        if seat.is_joined and len(seat.unanswered) < MOST_UNANSWERED:
            self.say(seat, f"{self.name}-{next(self._numbers)}")

    def say(self, seat: Seat, content: str) -> None:
        """Publish something that nobody has said before."""
        frame = json.dumps({"type": "message", "room": seat.room, "content": content, "id": content}).encode()
        seat.unanswered[content] = frame
        self._asked[content] = seat
        self._send(frame)

    def _ack(self, event: Mapping[str, Any]) -> None:
        id_: str = event["id"]
        seat = self._asked[id_]
        if not id_.startswith("join-"):
            seat.ack(id_, event.get("seq", 0))

    def _error(self, event: Mapping[str, Any]) -> None:
        id_, seat = event.get("id", ""), self._asked.get(event.get("id", ""))
        if not event["retryable"] or seat is None:
            self.complaints.append(f"{self.name} was refused: {event}")
            return
        self.refusals += 1
        loop, pause = asyncio.get_running_loop(), float(event.get("retry_after", 1.0))
        if id_.startswith("join-"):
            loop.call_later(pause, self._again, self._line, lambda: self._join(seat))
        elif self._has_history:
            loop.call_later(pause, self._again, self._line, lambda: self._say_again(seat, id_))
        elif seat.unanswered.pop(id_, None) is not None:
            seat.refused[id_] = event["message"]
            if id_.startswith("probe:"):
                loop.call_later(pause, self.say, seat, f"{id_}.")

    def _again(self, line: BenchClient | None, do: Callable[[], None]) -> None:
        if line is not None and line is self._line:
            do()

    def _say_again(self, seat: Seat, id_: str) -> None:
        if id_ in seat.unanswered and seat.is_joined:
            self._send(seat.unanswered[id_])
