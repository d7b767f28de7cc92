"""Keeps private messages for users who are offline, and gives them out when they come.

A message is removed only when its receiver has answered after it was sent: one that was lost on the way is given
out again at the next connect.
"""

from __future__ import annotations

import asyncio
import logging
import time

from ...core import Connection, ConnectionManager, Private, Publication, Rejected
from ...protocol import Encoded
from .entry import key_of
from .store import Retention, Store, StoreUnavailable

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 100


class Mailbox:
    """The private messages that wait, in rooms of the store that nobody can enter: their names hold a space."""

    def __init__(self, manager: ConnectionManager, store: Store, retention: Retention | None) -> None:
        """``retention`` is for each user; None: nothing is kept."""
        self._manager = manager
        self._store = store
        self._retention = retention
        self._tasks: set[asyncio.Task[None]] = set()

    async def keep(self, event: Private) -> None:
        """Keep a message. Raise `Rejected` ``user_offline`` where nothing (more) is kept for the user."""
        retention = self._retention
        if retention is None:
            raise Rejected("user_offline", f"{event.to} is not online; nothing was sent.", path="to")
        box = box_of(event.to)
        position = await self._store.open(box, now=time.time())
        if position.last - position.first + 1 >= retention.count:
            raise Rejected(
                "user_offline",
                f"{event.to} is not online, and has as many messages waiting as may wait; nothing was sent.",
                path="to",
            )
        json, key = Publication.of(event).json, key_of(event.user, event.id)
        await self._store.append_next(box, json, key=key, time=time.time(), retention=retention)

    async def give_out(self, connection: Connection) -> None:
        """Send a user who has come what was kept, oldest first."""
        box, after = box_of(connection.user), 0
        try:
            while page := await self._store.read(box, after, MOST_AT_ONCE):
                after = page[-1].seq
                placeholder = Private(to=connection.user, content=None)
                connection.enqueue([Encoded(placeholder, stored.event) for stored in page])
        except StoreUnavailable as error:
            logger.warning(
                "what is kept for %s cannot be read now, but will be at the next connect: %s", box, error
            )
        if after:
            task = asyncio.get_running_loop().create_task(self._remove_once_received(connection, box, after))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _remove_once_received(self, connection: Connection, box: str, up_to: int) -> None:
        """Remove what was sent when the answer to a ping proves that everything before it has arrived."""
        asked_at, has_pings = None, False
        while connection.is_open:  # no hook tells of pongs, and nobody waits for this
            await asyncio.sleep(0.1)
            if asked_at is None:
                if connection.is_welcomed:  # Until then all is held back.
                    asked_at, has_pings = self._manager.now(), connection.ping()
            elif connection.last_pong >= asked_at if has_pings else connection.last_seen > asked_at:
                try:
                    await self._store.remove(box, up_to)
                except StoreUnavailable as error:
                    logger.warning("what %s has received is kept, and given out again: %s", connection.user, error)
                return

    async def stop(self) -> None:
        """Wait for nobody any longer."""
        for task in self._tasks:
            task.cancel()


def box_of(user: str) -> str:
    """The room of the store that holds a user's messages."""
    return f"private messages for {user}"
