"""What goes to one Redis: all of one moment in one pipeline, and the next pipeline when that is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from redis.exceptions import ResponseError

from ...core import LinkLost, Rejected, fail_quietly, unavailable
from .link import Link, command

PING = command(b"PING")
PATIENCE = 3
"""Ticks of the watch that an answer may take."""

Answer: TypeAlias = "asyncio.Future[None]"
"""Done when Redis has taken a command, or with the `Rejected` that tells why it did not."""


class _Waiting(NamedTuple):
    command: bytes
    answer: Answer


class Outbox:
    """The commands for one Redis, in order."""

    def __init__(self, link: Link, most_waiting: int, refused: Callable[[ResponseError], Rejected]) -> None:
        """``most_waiting`` is in bytes; ``refused`` says what a refusal of Redis is to who sent the command."""
        self._link = link
        self._refused = refused
        self._most_waiting = most_waiting
        self._size = 0
        self._waiting: list[_Waiting] = []
        self._in_flight: list[_Waiting] = []
        self._wake: asyncio.Future[None] | None = None
        self._silent_for = 0
        self._loop = asyncio.get_running_loop()  # Asking for it each time costs a system call in Python 3.11.

    def submit(self, command: bytes) -> Answer:
        """Give a command its place; it is answered later. Raise `Rejected` where too much waits already."""
        if self._size + len(command) > self._most_waiting and self._size:
            raise unavailable("The broker is slower than what is published; nothing was published.")
        answer: Answer = self._loop.create_future()
        self._size += len(command)
        self._waiting.append(_Waiting(command, answer))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        return answer

    async def run(self) -> None:
        """Send and have answered what is submitted, until the link breaks: raise `LinkLost`."""
        while True:
            if not self._waiting:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
                self._wake = None
            self._in_flight, self._waiting = self._waiting, []
            self._silent_for = 0
            await self._link.write([each.command for each in self._in_flight])
            for each in self._in_flight:
                reply = await self._link.read()
                self._silent_for = 0
                self._size -= len(each.command)
                if not isinstance(reply, ResponseError):
                    if not each.answer.done():
                        each.answer.set_result(None)
                else:
                    fail_quietly(each.answer, self._refused(reply))
            self._in_flight = []

    def tick(self) -> None:
        """Look whether Redis still answers. Raise `LinkLost` where it does not."""
        if self._in_flight:
            self._silent_for += 1
            if self._silent_for > PATIENCE:
                raise LinkLost("Redis does not answer")
        elif not self._waiting:
            self.submit(PING)

    def close(self) -> None:
        """Refuse what has no answer yet."""
        for each in (*self._in_flight, *self._waiting):
            fail_quietly(
                each.answer,
                unavailable("The broker went away before it had answered; send it again with the same id."),
            )
        self._in_flight, self._waiting, self._size = [], [], 0
