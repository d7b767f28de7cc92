"""Reads lines into rooms that the store does not have yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path

from . import lines
from .lines import Event, Line, WrongLine
from .progress import Progress
from .store import Position, Retention, Store

EVENTS_AT_ONCE = 500

KEEP_ALL = Retention(count=2**53)
"""What is too much, the server removes later."""


class Refused(Exception):
    """The store has rooms which the file would change; nothing was imported."""


def check(path: Path) -> dict[str, Position]:
    """Read the file through, and tell of each room what it has. Raise `WrongLine`, or `OSError`."""
    found: dict[str, Position] = {}
    for place, line in lines.read(path):
        before = found.get(line.room)
        if not line.event:
            if before is not None:
                raise WrongLine(f"{place}: a line without event must be the only one of its room")
            found[line.room] = Position(line.epoch, line.seq + 1, line.seq)
            continue
        lines.event_of(line, place)
        if before is None:
            if not line.seq:
                raise WrongLine(f"{place}: the first event of a room has the seq 1")
            found[line.room] = Position(line.epoch, line.seq, line.seq)
        elif (line.epoch, line.seq) != (before.epoch, before.last + 1):
            raise WrongLine(
                f"{place}: expected {before.last + 1} in the epoch {before.epoch} as the next seq of the room "
                f"{line.room!r}, got {line.seq} in {line.epoch}: lines are missing or out of order"
            )
        else:
            found[line.room] = before._replace(last=line.seq)
    return found


async def import_file(store: Store, path: Path, found: dict[str, Position], progress: Progress) -> None:
    """Make the rooms that `check` found, and add to ``progress`` as it goes on.

    One that an import began which came to no end is continued. Raise `Refused` where a room is there already.
    """
    begun = await _look(store, found)
    for room, position in found.items():
        if room not in begun:
            # Somebody may have entered the room, but it has had no event.
            await store.forget(room)
            await store.restore(room, position.epoch, position.first - 1, now=time.time())
    for room, page in _pages(lines.read(path)):
        await _append(store, room, found[room].epoch, [each for each in page if each[0] > begun.get(room, 0)])
        progress.add(len(page))


async def _look(store: Store, found: dict[str, Position]) -> dict[str, int]:
    """The rooms that have begun, and up to which event."""
    begun: dict[str, int] = {}
    refused: list[str] = []
    async for room in store.rooms():
        if room in found:
            there, coming = await store.open(room, now=time.time()), found[room]
            if there.epoch == coming.epoch and coming.first - 1 <= there.last < coming.last:
                begun[room] = there.last
            elif there.last:
                refused.append(room)
    if refused:
        raise Refused(
            f"The store has the {'room' if len(refused) == 1 else 'rooms'} {', '.join(sorted(refused)[:10])}"
            f"{f' and {len(refused) - 10} more' if len(refused) > 10 else ''} already, with other events or with "
            "these; nothing was imported. Import into an empty store."
        )
    return begun


def _pages(read: Iterable[tuple[str, Line]]) -> Iterator[tuple[str, list[tuple[int, Event]]]]:
    """Events in a row of one room, with their numbers."""
    for room, its in groupby(read, key=lambda each: each[1].room):
        events = ((line.seq, lines.event_of(line, place)) for place, line in its if line.event)
        while page := list(islice(events, EVENTS_AT_ONCE)):
            yield room, page


async def _append(store: Store, room: str, epoch: str, page: list[tuple[int, Event]]) -> None:
    """Append events, each at the time at which it was published, if it says so: their age goes on."""
    now = time.time()
    runs = [(when, list(run)) for when, run in groupby(page, key=lambda each: each[1].time)]
    await asyncio.gather(
        *(
            store.append(
                room,
                epoch,
                run[0][0],
                [event.json for _, event in run],
                keys=[None] * len(run),
                time=now if when is None else when,
                retention=KEEP_ALL,
            )
            for when, run in runs
        )
    )
