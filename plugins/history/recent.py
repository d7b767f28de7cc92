"""The newest events of a room, at hand for whoever was away for a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ...protocol import Encoded

MOST_EVENTS = 1000
MOST_BYTES = 256 * 1024
"""Of their JSON; the newest event is kept however long it is."""


class Recent:
    """The last events that a room's members got, without a hole."""

    __slots__ = ("_bytes", "_events")

    def __init__(self) -> None:
        self._events: deque[Encoded] = deque()
        self._bytes = 0

    def add(self, encoded: Encoded) -> None:
        """Take the next event, and let go of the oldest ones where there are too many."""
        events = self._events
        events.append(encoded)
        self._bytes += len(encoded.json)
        while len(events) > MOST_EVENTS or (self._bytes > MOST_BYTES and len(events) > 1):
            self._bytes -= len(events.popleft().json)

    def newest(self, count: int) -> Sequence[Encoded] | None:
        """The last ``count`` events, oldest first; None where not all of them are at hand."""
        have = len(self._events)
        return None if count > have else [self._events[index] for index in range(have - count, have)]
