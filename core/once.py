"""Does what came with an ``id`` once, however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..protocol import Duplicate, Rejected, RoomEvent, Stamped

Key = tuple[str, str, str]
"""Whose it is, where it went, and its ``id``."""

MOST_KNOWN = 200_000
"""Ids that are remembered; beyond that the oldest are forgotten before their time."""

MOST_DOUBTFUL = 10_000


class Once:
    """The ids of a while, each with the ``seq`` that it got.

    They live in two generations: when the young one is as old as the window, it becomes the old one, and what was
    old is forgotten. So an id is known for one window at least.
    """

    def __init__(self, now: Callable[[], float], window: float) -> None:
        """``window`` is in seconds."""
        self._now = now
        self._window = window
        self._young: dict[Key, int | None] = {}
        self._old: dict[Key, int | None] = {}
        self._turned_at: float | None = None
        self._under_way: dict[Key, list[asyncio.Future[None]]] = {}
        self._complete_since: float | None = None
        self._doubtful: set[Key] = set()

    def is_new(self, key: Key) -> bool:
        """Whether this, which is not known here, was not done either.

        Not for a window after a start: an earlier run may have done it. Nor where a try ended without an answer.
        """
        since = self._complete_since
        return since is not None and self._now() - since >= self._window and key not in self._doubtful

    async def run(self, key: Key, event: Stamped, action: Callable[[], Awaitable[None]]) -> None:
        """Do ``action``, or raise `Duplicate` if it was done. While it is being done elsewhere, wait for that."""
        while key in self._under_way:
            done = asyncio.get_running_loop().create_future()
            self._under_way[key].append(done)
            await done
        self._turn()
        if key in self._young or key in self._old:
            seq = self._young[key] if key in self._young else self._old[key]
            raise Duplicate(_room(event), seq)
        waiting = self._under_way[key] = []
        try:
            await action()
            self._young[key] = event.seq if isinstance(event, RoomEvent) else None
        except Duplicate as duplicate:
            self._young[key] = duplicate.seq
            raise
        except BaseException as error:
            if not isinstance(error, Rejected) or error.retryable:
                self._doubt(key)
            raise
        finally:
            del self._under_way[key]
            for done in waiting:
                if not done.done():
                    done.set_result(None)

    def _doubt(self, key: Key) -> None:
        self._doubtful.add(key)
        if len(self._doubtful) > MOST_DOUBTFUL:
            self._doubtful.clear()
            self._complete_since = self._now()

    def _turn(self) -> None:
        now = self._now()
        if self._turned_at is None:
            self._turned_at = self._complete_since = now
        age, is_full = now - self._turned_at, len(self._young) >= MOST_KNOWN // 2
        if age >= self._window or is_full:
            if age < self._window:
                self._complete_since = now
            self._old, self._young = (self._young if age < 2 * self._window else {}), {}
            self._turned_at = now


def _room(event: Stamped) -> str | None:
    return event.room if isinstance(event, RoomEvent) else None
