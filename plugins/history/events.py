"""The event types that history adds."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ...core import Event, RoomEvent


class HistoryQuery(RoomEvent, tag="history"):
    """Asks for what was said in a room."""

    right = "history"
    is_recorded = False
    summary = "Asks for the newest events of a room, or for those before a seq."
    example = {"type": "history", "limit": 20}

    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None


class HistoryReply(Event, tag="history", kw_only=True):
    """A page of a room's events, oldest first."""

    room: str
    events: list[msgspec.Raw]
    epoch: str
    first: int
    """The oldest event of the page; of an empty one, the number after ``last``."""
    last: int
    more: bool
    """Whether there are older ones: ask again with ``before`` = ``first``."""
