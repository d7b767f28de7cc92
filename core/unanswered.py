"""The publications of one connection that have their place in the order and wait to be stored: answered then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from ..protocol import Rejected
from .pipeline import Unfinished

if TYPE_CHECKING:
    from .connection import Connection

MOST = 64
"""Publications that may wait before the connection's next events wait, too."""


class Unanswered:
    """What later events of the connection may go on without, as long as it is not too much."""

    __slots__ = ("_connection", "_ends", "_failed")

    def __init__(self, connection: Connection, failed: Callable[[], None]) -> None:
        """``failed`` is called for an error of our own, while it is handled."""
        self._connection = connection
        self._failed = failed
        self._ends: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait."""
        return len(self._ends) >= MOST

    def add(self, event: Unfinished) -> None:
        """Take the rest of its way once it is stored, and answer where it is not."""
        self._ends.add(event.end)
        event.end.add_done_callback(partial(self._finish, event))

    async def wait(self) -> None:
        """Wait until all are answered."""
        while self._ends:
            await asyncio.wait(self._ends)

    def _finish(self, event: Unfinished, end: asyncio.Future[None]) -> None:
        self._ends.discard(end)
        if end.cancelled():
            return
        try:
            waiting = event.finish()
        except Rejected as rejected:
            refuse(self._connection, rejected, event.answering)
        except Exception:
            self._failed()
        else:
            if waiting is not None:
                task = asyncio.ensure_future(answer(self._connection, event.answering, waiting))
                self._ends.add(task)
                task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Future[None]) -> None:
        self._ends.discard(task)
        tell_of_failure(task, self._failed)


async def answer(connection: Connection, answering: str | None, waiting: Awaitable[None]) -> None:
    """Wait for the rest of an event's way, and tell the client where it is refused."""
    try:
        await waiting
    except Rejected as rejected:
        refuse(connection, rejected, answering)


def refuse(connection: Connection, rejected: Rejected, answering: str | None) -> None:
    """Tell the client that its event with the id ``answering`` is refused."""
    rejected.id = answering
    connection.reject(rejected)


def tell_of_failure(task: asyncio.Future[None], failed: Callable[[], None]) -> None:
    """Call ``failed`` with the exception being handled that ended ``task``, if one did."""
    if not task.cancelled() and task.exception() is not None:
        try:
            task.result()
        except Exception:
            failed()
