"""What a load test measures: which messages arrived where, in which order, and after what time."""

from __future__ import annotations

import secrets
import time
from array import array
from collections import deque
from collections.abc import Iterator
from pathlib import Path

MARKER_LENGTH = 7
HEADER_LENGTH = MARKER_LENGTH + 5 + 9 + 11
"""Bytes of a content that say which message it is; the rest of it is padding."""

MAX_PUBLISHERS = 100_000
_EXACT_BITS = 7


class Contents:
    """Makes the contents that this run publishes, and finds them in what comes back.

    Each carries a marker of its own run, so that two load tests of the same server do not take each other's.
    """

    def __init__(self, size: int) -> None:
        """``size`` is in bytes, at least `HEADER_LENGTH`."""
        self.marker = b"@" + secrets.token_hex(3).encode()
        self._padding = b"x" * (size - HEADER_LENGTH)

    def make(self, publisher: int, number: int, microseconds: int) -> bytes:
        """The content of one message; ``microseconds`` of this run's clock are when it was due."""
        return self.marker + b"%05d%09d%011d" % (publisher, number, microseconds) + self._padding

    def read(self, frame: bytes) -> tuple[int, int, int] | None:
        """Publisher, number and time of the content in a frame; None for a frame that has none."""
        at = frame.find(self.marker)
        if at < 0:
            return None
        at += MARKER_LENGTH
        return int(frame[at : at + 5]), int(frame[at + 5 : at + 14]), int(frame[at + 14 : at + 25])


class Ledger:
    """What was published, and what each member of a room has got of it.

    Connections are numbered; number ``c`` is in room ``c % rooms`` and is heard by all others there.
    """

    def __init__(self, rooms: int) -> None:
        self.published = 0
        self.delivered = 0
        self.out_of_order = 0
        self._rooms = rooms
        self._accepted = [0] * rooms
        self._outstanding: dict[int, deque[int]] = {}
        self._numbers: dict[int, int] = {}
        self._received: dict[int, int] = {}
        self._last: dict[tuple[int, int], int] = {}

    def join(self, member: int) -> None:
        """From now on everything published in its room must reach this connection."""
        self._received[member] = self._accepted[member % self._rooms]

    def leave(self, member: int) -> None:
        """Nothing more can reach it, and what became of its own latest messages nobody can tell."""
        if self._received.pop(member, None) is not None:
            self._accepted[member % self._rooms] -= len(self._outstanding.pop(member, ()))

    def publish(self, publisher: int) -> int:
        """Note that a message goes out; return its number."""
        number = self._numbers[publisher] = self._numbers.get(publisher, 0) + 1
        self._outstanding.setdefault(publisher, deque()).append(number)
        self._accepted[publisher % self._rooms] += 1
        self.published += 1
        return number

    def refuse(self, publisher: int) -> bool:
        """Note an `error` from the server: answers keep their order, so it is about the oldest message."""
        outstanding = self._outstanding.get(publisher)
        if not outstanding:
            return False
        outstanding.popleft()
        self._accepted[publisher % self._rooms] -= 1
        return True

    def deliver(self, member: int, publisher: int, number: int) -> int:
        """Note that a member got a message; return how many of its own messages that answers."""
        self.delivered += 1
        if member in self._received:
            self._received[member] += 1
        if number <= self._last.get((member, publisher), 0):
            self.out_of_order += 1
        else:
            self._last[member, publisher] = number
        answered = 0
        if member == publisher:
            outstanding = self._outstanding.get(publisher)
            while outstanding and outstanding[0] <= number:
                outstanding.popleft()
                answered += 1
        return answered

    @property
    def missing(self) -> int:
        """How many deliveries are still to come; those that never come are lost."""
        accepted, rooms = self._accepted, self._rooms
        return sum(max(0, accepted[member % rooms] - received) for member, received in self._received.items())


class Histogram:
    """Times in microseconds, in buckets less than one per cent wide."""

    def __init__(self) -> None:
        self.count = 0
        self.max = 0
        self._buckets = array("Q", bytes(8 * (_index((1 << 40) - 1) + 1)))

    def record(self, microseconds: int) -> None:
        """Count one time; times below zero count as zero."""
        if microseconds > self.max:
            self.max = microseconds
        self.count += 1
        self._buckets[_index(min(max(0, microseconds), (1 << 40) - 1))] += 1

    def percentile(self, percent: float) -> int:
        """The time that ``percent`` of all times do not exceed; 0 where there are none."""
        wanted, seen = self.count * percent / 100, 0
        for upper, count in self.buckets():
            seen += count
            if seen >= wanted:
                return min(upper, self.max)
        return self.max

    def buckets(self) -> Iterator[tuple[int, int]]:
        """The largest time of each bucket that is not empty, and how many it holds."""
        for index, count in enumerate(self._buckets):
            if count:
                yield _largest(index), count


class OwnShare:
    """How much of a core this process uses, and how much it would have used had another not had it."""

    def __init__(self) -> None:
        self._began, self._used, self._waited = time.perf_counter(), time.process_time(), _waited()

    def used(self) -> float:
        """The share of one core used since the start."""
        return (time.process_time() - self._used) / (time.perf_counter() - self._began)

    def waited(self) -> float:
        """The share of the time that this thread was ready to run and had no core; 0 where the system hides it."""
        return (_waited() - self._waited) / (time.perf_counter() - self._began)


def _waited() -> float:
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _index(value: int) -> int:
    shift = max(0, value.bit_length() - _EXACT_BITS - 1)
    return (shift << _EXACT_BITS) + (value >> shift)


def _largest(index: int) -> int:
    shift = max(0, (index >> _EXACT_BITS) - 1)
    return ((index - (shift << _EXACT_BITS) + 1) << shift) - 1
