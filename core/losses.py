"""What was dropped in one place of the events for a slow consumer, and the `gap` events that tell of it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ..protocol import Encoded, Gap, RoomEvent

REASON = "too slow"

MOST_RUNS = 16
"""Gaps for one room in one place. Beyond that the two which are nearest to each other become one."""


class Run(NamedTuple):
    """Numbers from ``first`` to ``last``, of which so many are lost: all, unless there were too many runs."""

    first: int
    last: int
    lost: int


class Losses:
    """Dropped events: those with a ``seq`` by their numbers, so that they can be asked for, the others counted."""

    __slots__ = ("_runs", "_unnumbered")

    def __init__(self) -> None:
        self._runs: dict[str, list[Run]] = {}
        self._unnumbered: Counter[str] = Counter()

    def add(self, encoded: Encoded) -> None:
        """Note that an event was dropped."""
        event, room = encoded.event, room_of(encoded)
        if isinstance(event, RoomEvent) and event.seq is not None:
            _insert(self._runs.setdefault(room, []), Run(event.seq, event.seq, 1))
        else:
            self._unnumbered[room] += 1

    def add_all(self, other: Losses) -> None:
        """Note everything that another place has."""
        for room, runs in other._runs.items():
            for run in runs:
                _insert(self._runs.setdefault(room, []), run)
        self._unnumbered.update(other._unnumbered)

    def gaps(self) -> list[Encoded]:
        """A `gap` for each run of numbers, and one for each room in which events without a number are lost."""
        gaps = [
            Gap(room=room, reason=REASON, first=run.first, last=run.last, lost=run.lost)
            for room, runs in self._runs.items()
            for run in runs
        ]
        gaps += [Gap(room=room, reason=REASON, lost=number) for room, number in self._unnumbered.items()]
        return [Encoded(gap) for gap in gaps]


def room_of(encoded: Encoded) -> str:
    """The room of an event; empty where it has none."""
    return getattr(encoded.event, "room", None) or ""


def _insert(runs: list[Run], run: Run) -> None:
    """Put a run where its numbers belong, as part of a neighbour where there is no hole between them."""
    place = len(runs)
    while place and runs[place - 1].first > run.first:
        place -= 1
    runs.insert(place, run)
    for left in (place, place - 1):
        if 0 <= left < len(runs) - 1 and runs[left].last + 1 >= runs[left + 1].first:
            _join(runs, left)
    if len(runs) > MOST_RUNS:
        _join(runs, min(range(len(runs) - 1), key=lambda left: runs[left + 1].first - runs[left].last))


def _join(runs: list[Run], left: int) -> None:
    first, second = runs[left : left + 2]
    runs[left : left + 2] = [Run(first.first, max(first.last, second.last), first.lost + second.lost)]
