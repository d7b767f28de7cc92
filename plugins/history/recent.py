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
        self._events.append(encoded)
        self._bytes += len(encoded.json)
        self._let_go()

    def has_been(self, events: Sequence[Encoded]) -> None:
        """Take what was read from the store, up to the newest event, where that is more than is at hand."""
        if len(events) > len(self._events):
            self._events = deque(events)
            self._bytes = sum(len(encoded.json) for encoded in events)
            self._let_go()

    def _let_go(self) -> None:
        events = self._events
        while len(events) > MOST_EVENTS or (self._bytes > MOST_BYTES and len(events) > 1):
            self._bytes -= len(events.popleft().json)

    def newest(self, count: int) -> Sequence[Encoded] | None:
        """The last ``count`` events, oldest first; None where not all of them are at hand."""
        have = len(self._events)
        return None if count > have else [self._events[index] for index in range(have - count, have)]
