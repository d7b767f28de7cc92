"""Clients in overlapping rooms, who all publish at a bounded rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from itertools import count
from types import TracebackType
from typing import NamedTuple, Self

from .client import ChaosClient
from .seat import Seat

UNHEARD = 0.5
"""Seconds after which what somebody has not heard is said again."""


class Size(NamedTuple):
    """How many there are."""

    clients: int = 300
    rooms: int = 30
    rooms_of_each: int = 3
    per_second: float = 1.0
    """What each client publishes."""


class Crowd:
    """All clients."""

    def __init__(self, name: str, size: Size, *, has_history: bool) -> None:
        """``name`` begins the names of all rooms and users, so that no crowd has to do with an earlier one."""
        self.size = size
        self.has_history = has_history
        self.seats: dict[str, list[Seat]] = {f"{name}-{number}": [] for number in range(size.rooms)}
        """By room."""
        names = list(self.seats)
        self.clients = [
            ChaosClient(
                f"{name}-user-{number}",
                # Which rooms somebody is in says nothing about where they are connected.
                [
                    names[(number // 3 + step * (1 + number % 7)) % size.rooms]
                    for step in range(size.rooms_of_each)
                ],
                has_history=has_history,
            )
            for number in range(size.clients)
        ]
        for client in self.clients:
            for seat in client.seats.values():
                self.seats[seat.room].append(seat)
        self._stack = AsyncExitStack()
        self._talking: asyncio.Task[None] | None = None
        self._probes = count(1)

    async def __aenter__(self) -> Self:
        """Let everybody come who has a home."""
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        for client in self.clients:
            self._stack.callback(tasks.create_task(client.run()).cancel)
        await self.until_up_to_date(self.clients)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._talking is not None:
            self._talking.cancel()
        await self._stack.__aexit__(kind, error, trace)

    # Talking

    def start_talking(self) -> None:
        """Let everybody publish, each in turn."""
        self._talking = asyncio.get_running_loop().create_task(self._talk())

    async def _talk(self) -> None:
        pause, due = 1 / (self.size.per_second * len(self.clients)), time.monotonic()
        while True:
            for client in self.clients:
                client.talk()
                due = max(due + pause, time.monotonic() - 1)  # What a busy machine misses is made up for a second.
                await asyncio.sleep(max(0, due - time.monotonic()))

    async def resume(self, seconds: float = 30.0) -> float:
        """Have everybody say something new, and everybody in their rooms hear it; return how long that took.

        With what is under way before: everybody is in all their rooms then, and has all that they have missed.
        """
        began = time.monotonic()
        for seats in self.seats.values():
            for seat in seats:
                seat.probes.clear()
        await self.until_up_to_date(self.clients, seconds)
        places = [
            (client, list(client.seats.values())[turn % len(client.seats)])
            for turn, client in enumerate(self.clients)
        ]
        while places:
            number = next(self._probes)
            for client, seat in places:
                client.say(seat, f"probe:{client.name}:{number}")
            # Without history some servers may not hear yet what others can say already: then it is said again.
            patience = seconds if self.has_history else min(seconds, UNHEARD)
            with nullcontext() if self.has_history else suppress(AssertionError):
                await self.until(lambda places=places: not self._unheard(places), patience)
            assert time.monotonic() - began < seconds, f"after {seconds:g} s {len(places)} were not heard by all"
            places = self._unheard(places)
        return time.monotonic() - began

    def _unheard(self, places: list[tuple[ChaosClient, Seat]]) -> list[tuple[ChaosClient, Seat]]:
        """Whom not everybody in the room has heard."""
        return [
            (client, seat)
            for client, seat in places
            if not all(client.name in each.probes for each in self.seats[seat.room])
        ]

    # Waiting

    @property
    def acknowledged(self) -> int:
        """How many publications were acknowledged so far."""
        return sum(len(seat.acknowledged) for seats in self.seats.values() for seat in seats)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return when it holds. Raise `AssertionError`, with how things stand, where it does not within time."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            behind = [repr(client) for client in self.clients if not (client.is_up_to_date and client.is_answered)]
            text = f"{len(behind)} of {len(self.clients)} clients are behind after {seconds:g} s:"
            raise AssertionError("\n".join([text, *behind[:10]])) from None

    async def until_acknowledged(self, more: int) -> None:
        """Return when so many more publications were acknowledged."""
        target = self.acknowledged + more
        await self.until(lambda: self.acknowledged >= target)

    async def until_up_to_date(self, clients: Sequence[ChaosClient], seconds: float = 30.0) -> None:
        """Return when these are in their rooms, and know what had been published when they came."""
        await self.until(lambda: all(client.is_up_to_date for client in clients), seconds)

    async def finish(self) -> None:
        """Let nobody publish any more, and wait for what is under way."""
        if self._talking is not None:
            self._talking.cancel()
        await self.until(lambda: all(client.is_answered for client in self.clients))
        if self.has_history:
            for seats in self.seats.values():
                last = max(seat.seen for seat in seats)
                await self.until(lambda last=last, seats=seats: all(seat.seen == last for seat in seats))
        else:
            await self.resume()  # What comes after all that was acknowledged.

    # Who is where

    def present(self, room: str) -> dict[str, int]:
        """How many connections each user has in a room, or has again in a moment."""
        away = {client.name for client in self.clients if client.home is None}
        return {seat.owner: 1 for seat in self.seats[room] if seat.owner not in away}

    def forget_notices(self) -> None:
        """From now on it counts who is told of whom."""
        for seats in self.seats.values():
            for seat in seats:
                seat.notices.clear()
