"""One time of being connected: what is wanted in one moment goes out together, and is confirmed together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from secrets import token_hex
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ...core import BrokerSession, Rejected, fail_quietly, unavailable
from .config import NatsConfig
from .link import Link
from .subjects import Subjects

PATIENCE = 3
"""Ticks of the watch that an answer may take."""
ROUND_BYTES = 1024 * 1024
ROUND_CHANGES = 500
"""What goes out at most before it is to be confirmed; one publication may be larger."""

Answer: TypeAlias = "asyncio.Future[None]"
"""Done when NATS has taken a publication, or with the `Rejected` that tells why it did not."""


class _Waiting(NamedTuple):
    subject: str
    payload: bytes
    answer: Answer


class Session(BrokerSession[str]):
    """The connection, and what waits for it. Whatever breaks raises `LinkLost` in the group in which it runs.

    The end of each round is a message to itself, the fence: when it is back, NATS has everything that went out
    before, for it handles what one connection sends in order. The client's own flush does not tell that: its ping
    overtakes what the client has not written yet.
    """

    def __init__(
        self,
        config: NatsConfig,
        server: str,
        name: str,
        subjects: Subjects,
        arrived: Callable[[str, bytes], None],
        refused: Callable[[str], Rejected],
    ) -> None:
        """``arrived`` takes what comes, with its subject.

        ``refused`` says what it is to who has published to a subject that NATS does not allow.
        """
        self.place = urlsplit(server).netloc
        self._arrived = arrived
        self._refused = refused
        self._fence = subjects.fence(token_hex(8))
        self._link = Link(config, server, name, self._take, self._was_denied)
        self._timeout = config.timeout
        self._most_waiting = config.max_queue_bytes
        self._size = 0
        self._waiting: deque[_Waiting] = deque()
        self._in_flight: list[_Waiting] = []
        self._denied: set[str] = set()
        self._changes: dict[str, bool] = {}
        self._changing: dict[str, bool] = {}
        self._waiters: dict[str, asyncio.Future[None]] = {}
        self._wake: asyncio.Future[None] | None = None
        self._fenced: asyncio.Future[None] | None = None
        self._silent_for = 0

    async def open(self) -> None:
        """Connect. Raise `LinkLost`."""
        await self._link.open()
        await self._link.subscribe(self._fence)

    def run(self, group: asyncio.TaskGroup) -> None:
        """Work in ``group``, until something breaks."""
        for work in (self._send(), self._watch(), self._wait_lost()):
            group.create_task(work)

    # What is wanted

    def publish(self, subject: str, payload: bytes) -> Answer:
        """Give a publication its place. Raise `Rejected` where it is too large, or too much waits already."""
        if len(payload) > self._link.max_payload:
            raise Rejected(
                "too_large", f"The broker takes {self._link.max_payload} bytes at most; nothing was published."
            )
        if self._size + len(payload) > self._most_waiting and self._size:
            raise unavailable("The broker is slower than what is published; nothing was published.")
        answer: Answer = asyncio.get_running_loop().create_future()
        self._size += len(payload)
        self._waiting.append(_Waiting(subject, payload, answer))
        self._awake()
        return answer

    def subscribe(self, subjects: Iterable[str]) -> None:
        """Subscribe soon."""
        self._changes.update(dict.fromkeys(subjects, True))
        self._awake()

    def unsubscribe(self, subject: str) -> None:
        """Unsubscribe soon."""
        self._changes[subject] = False
        self._awake()

    async def subscribed(self, subject: str) -> None:
        """Wait until NATS has a subscription, or the link is lost."""
        if subject in self._changes or subject in self._changing:
            if subject not in self._waiters:
                self._waiters[subject] = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiters[subject])

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # Rounds

    async def _send(self) -> None:
        while True:
            if not self._waiting and not self._changes:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
                self._wake = None
            await self._round()

    async def _round(self) -> None:
        self._silent_for = 0
        self._fenced = asyncio.get_running_loop().create_future()
        self._changing = {
            subject: self._changes.pop(subject) for subject in tuple(islice(self._changes, ROUND_CHANGES))
        }
        for subject, is_wanted in self._changing.items():
            await (self._link.subscribe(subject) if is_wanted else self._link.unsubscribe(subject))
        size = 0
        # What came after a change that waits for the next round waits with it.
        while self._waiting and not self._changes and size < ROUND_BYTES:
            each = self._waiting.popleft()
            self._in_flight.append(each)
            size += len(each.payload)
            await self._link.publish(each.subject, each.payload)
        await self._link.publish(self._fence, b"")
        await self._fenced
        self._fenced = None
        self._confirm(size)

    def _confirm(self, size: int) -> None:
        self._size -= size
        for each in self._in_flight:
            if self._denied and each.subject.lower() in self._denied:
                fail_quietly(each.answer, self._refused(each.subject))
            elif not each.answer.done():
                each.answer.set_result(None)
        self._denied.clear()
        self._in_flight = []
        changed, self._changing = self._changing, {}
        for subject in changed:
            if subject not in self._changes and (waiter := self._waiters.pop(subject, None)) is not None:
                waiter.set_result(None)

    def _take(self, subject: str, payload: bytes) -> None:
        if subject != self._fence:
            self._arrived(subject, payload)
        elif self._fenced is not None and not self._fenced.done():
            self._fenced.set_result(None)

    def _was_denied(self, subject: str) -> bool:
        self._denied.add(subject)
        return any(each.subject.lower() == subject for each in self._in_flight)

    # The end

    async def _watch(self) -> None:
        # By ticks and not by the clock: when this process was frozen itself, NATS is not to blame.
        while True:
            await asyncio.sleep(self._timeout / PATIENCE)
            if self._fenced is None:
                self.subscribe((self._fence,))  # It is so already: what comes of it is a round.
                continue
            self._silent_for += 1
            if self._silent_for > PATIENCE:
                self._link.lose("NATS does not answer")

    async def _wait_lost(self) -> None:
        await asyncio.shield(self._link.lost)

    async def close(self) -> None:
        """Disconnect; what is not confirmed yet is refused."""
        for each in (*self._in_flight, *self._waiting):
            fail_quietly(
                each.answer,
                unavailable("The broker went away before it had answered; send it again with the same id."),
            )
        self._in_flight, self._size = [], 0
        self._waiting.clear()
        for waiter in self._waiters.values():
            waiter.set_result(None)
        self._waiters.clear()
        await self._link.close()
