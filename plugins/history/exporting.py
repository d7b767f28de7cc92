"""Writes rooms as lines. It only reads, so that the server may be at work meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from . import lines
from .progress import Progress
from .store import Position, Store

EVENTS_AT_ONCE = 500


class Removed(Exception):
    """Events were removed before they could be exported."""


async def export_rooms(store: Store, positions: Sequence[tuple[str, Position]], file: IO[bytes]) -> int:
    """Write what is kept of the rooms, each up to where it stands; return how many events. Raise `Removed`."""
    with Progress("exported", sum(each.last - each.first + 1 for _, each in positions)) as progress:
        for room, position in positions:
            await _export_room(store, room, position, file, progress)
        file.flush()
        return progress.done


async def _export_room(store: Store, room: str, position: Position, file: IO[bytes], progress: Progress) -> None:
    after = position.first - 1
    if after == position.last:
        file.write(lines.write_empty(room, position))
    while after < position.last:
        page = await store.read(room, after, min(EVENTS_AT_ONCE, position.last - after))
        if not page or page[0].seq != after + 1:
            raise Removed(f"events of the room {room!r} were removed while it was exported, as too old: try again")
        file.write(b"".join([lines.write(room, position.epoch, stored) for stored in page]))
        after = page[-1].seq
        progress.add(len(page))


@contextmanager
def destination(path: Path | None) -> Generator[IO[bytes]]:
    """Where lines go: stdout, or a file that is there, whole, once this is left without an exception."""
    if path is None:
        yield sys.stdout.buffer
        return
    path = path.resolve()
    if path.exists() and not path.is_file():  # A pipe or a device is not to be replaced.
        with path.open("wb") as file:
            yield file
        return
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        part = Path(file.name)
        try:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink()
            raise
