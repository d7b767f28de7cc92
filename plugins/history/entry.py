"""A publication on its way into the store."""

from __future__ import annotations

import asyncio

from ...core import Publication, RoomEvent


class Entry:
    """A publication that is to be stored."""

    __slots__ = ("_end", "_has_ended", "_refusal", "event", "key", "publication", "seq")

    def __init__(self, event: RoomEvent, exclude: str | None, seq: int) -> None:
        """Raise `Rejected` ``invalid`` where the event cannot be encoded."""
        self.event = event
        self.key = None if event.id is None else key_of(event.user, event.id)
        self.publication = Publication.of(event, exclude)
        self.number(seq)
        self._end: asyncio.Future[None] | None = None
        self._has_ended = False
        self._refusal: Exception | None = None

    def number(self, seq: int) -> None:
        """Give the event its ``seq``."""
        self.seq = self.event.seq = seq
        self.publication.number(seq)

    def end(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """What to wait for; None where the event went out. Raise what it was refused with."""
        if self._has_ended:
            if self._refusal is not None:
                raise self._refusal
            return None
        if self._end is None:
            self._end = loop.create_future()
        return self._end

    def ended(self, refusal: Exception | None) -> None:
        """Tell those who wait what has become of the event."""
        self._has_ended, self._refusal = True, refusal
        if self._end is None or self._end.done():
            return
        if refusal is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(refusal)


def key_of(user: str | None, id_: str | None) -> str | None:
    """What tells an event that is sent again, in one room."""
    return None if user is None or id_ is None else f"{len(user)}:{user}{id_}"
