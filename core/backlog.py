"""What waits for a slow consumer, bounded in bytes, and what is given up when that is not enough.

While a client does not keep up, the events for it come here instead of into its socket's buffer. When they do not
fit, the policy of the event's room and type decides; whatever is dropped is told by a `gap` event in its place.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from ..protocol import Encoded, Event
from .losses import Losses, room_of

Policy = Literal["close", "drop_oldest", "drop_newest", "conflate"]


class Rule(NamedTuple):
    """What becomes of one event that does not fit."""

    policy: Policy
    key: str | None = None
    """With ``conflate``: only the newest event of each key is kept."""


class Overflow(Exception):
    """Nothing that waits may be dropped, and what comes does not fit."""


class Backlog:
    """The events that wait for one slow consumer, oldest first."""

    def __init__(
        self, limit: int, rule_for: Callable[[Event], Rule], dropped: Counter[str], *, conflates: bool
    ) -> None:
        """``limit`` is in bytes of JSON; ``dropped`` counts by policy what was given up.

        ``conflates`` says whether ``rule_for`` may answer ``conflate``: if not, what fits is not looked at.
        """
        self._conflates = conflates
        self._limit = limit
        self._rule_for = rule_for
        self._dropped = dropped
        self._size = 0
        self._events: OrderedDict[int, Encoded] = OrderedDict()
        self._next = 0
        self._keys: dict[tuple[str, str], int] = {}
        self._kept_out: dict[int, str] = {}
        self._lost_before = Losses()
        self._lost_after: dict[int, Losses] = {}

    def __len__(self) -> int:
        return len(self._events)

    @property
    def size(self) -> int:
        """The bytes that wait."""
        return self._size

    def put(self, batch: Iterable[Encoded]) -> None:
        """Let events wait. Raise `Overflow` where the connection is to be closed instead."""
        for encoded in batch:
            self._put(encoded)

    def take(self, limit: int) -> list[Encoded]:
        """Remove and return about ``limit`` bytes of the oldest events, gaps included."""
        taken = self._lost_before.gaps()
        self._lost_before = Losses()
        size = 0
        while self._events and size < limit:
            number = next(iter(self._events))
            encoded = self._remove(number)
            size += len(encoded.json)
            taken.append(encoded)
            if (lost := self._lost_after.pop(number, None)) is not None:
                taken += lost.gaps()
        return taken

    def _put(self, encoded: Encoded) -> None:
        size = len(encoded.json)
        if self._conflates:
            self._conflate(encoded)
        if self._size + size > self._limit and not self._make_room(encoded, size):
            return
        self._next += 1
        self._events[self._next] = encoded
        self._size += size

    def _conflate(self, encoded: Encoded) -> None:
        """Give up the older event with the same key, and note where the new one will stand."""
        key = self._rule_for(encoded.event).key
        if key is not None:
            room = room_of(encoded)
            older = self._keys.get((room, key))
            if older is not None:
                self._drop(older)
            self._keys[room, key] = self._next + 1
            self._kept_out[self._next + 1] = key

    def _make_room(self, encoded: Encoded, size: int) -> bool:
        """Drop what the policies allow; return False where it is the new event itself."""
        if self._rule_for(encoded.event).policy == "drop_newest":
            self._drop_newest(encoded)
            return False
        while self._events and self._size + size > self._limit:
            self._drop(self._oldest_droppable())
        return True

    def _oldest_droppable(self) -> int:
        for number, encoded in self._events.items():
            if self._rule_for(encoded.event).policy != "close":
                return number
        raise Overflow

    def _drop(self, number: int) -> None:
        """Give up an event; its gap, and those that followed it, move to the front of what remains."""
        encoded = self._remove(number)
        self._lost_before.add(encoded)
        if (lost := self._lost_after.pop(number, None)) is not None:
            self._lost_before.add_all(lost)
        self._dropped[self._rule_for(encoded.event).policy] += 1

    def _drop_newest(self, encoded: Encoded) -> None:
        self._dropped["drop_newest"] += 1
        if self._events:
            last = next(reversed(self._events))
            self._lost_after.setdefault(last, Losses()).add(encoded)
        else:
            self._lost_before.add(encoded)

    def _remove(self, number: int) -> Encoded:
        encoded = self._events.pop(number)
        self._size -= len(encoded.json)
        key = self._kept_out.pop(number, None)
        if key is not None and self._keys.get((room_of(encoded), key)) == number:
            del self._keys[room_of(encoded), key]
        return encoded
