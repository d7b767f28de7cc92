"""``hubbub history``: lists rooms, and writes them to lines and back: a backup, or a move to another store."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...core import Command, PluginError
from . import exporting, importing
from .lines import WrongLine
from .progress import Progress
from .store import Conflict, Position, Store, StoreUnavailable
from .stores import make_store

if TYPE_CHECKING:
    from .plugin import History, HistoryConfig

T = TypeVar("T")

ROOMS_AT_ONCE = 100


def _list_rooms(history: History, _: Namespace) -> int:
    found = _run(history, _positions)
    if not found:
        sys.stderr.write("there is no history of any room yet\n")
    else:
        sys.stdout.write(f"{'events':>10} {'first':>10} {'last':>10}  room\n")
    for room, (_epoch, first, last) in sorted(found):
        sys.stdout.write(f"{last - first + 1:>10} {first:>10} {last:>10}  {room}\n")
    sys.stdout.flush()
    return 0


def _add_export_arguments(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("room", nargs="?", metavar="ROOM", help="the room")
    which.add_argument("--all", action="store_true", help="all rooms, and private messages that wait")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write here, once it is whole, instead of to stdout"
    )


def _export(history: History, options: Namespace) -> int:
    room: str | None = options.room
    path: Path | None = options.output

    async def export(store: Store) -> str:
        found = await _positions(store, room)
        if room is not None and not found:
            raise PluginError(
                f"nothing is kept of a room {room!r}; hubbub history rooms lists those that there are"
            )
        try:
            with exporting.destination(path) as file:
                events = await exporting.export_rooms(store, found, file)
        except OSError as error:
            if path is None:
                raise
            text = f"{path} cannot be written: {error.strerror}. Look at the folder and the disk, or name another."
            raise PluginError(text) from None
        return f"exported {_counted(events, len(found))}\n"

    try:
        said = _run(history, export)
    except exporting.Removed as error:
        raise PluginError(str(error)) from None
    sys.stderr.write(said)
    return 0


def _add_import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what hubbub history export has written")


def _import(history: History, options: Namespace) -> int:
    path: Path = options.file
    if path.exists() and not path.is_file():
        raise PluginError(f"{path} is no file: it is read twice, first to see whether it is whole")
    try:
        found = importing.check(path)
    except WrongLine as error:
        raise PluginError(f"{error}\nNothing was imported.") from None
    except OSError as error:
        raise PluginError(f"{path} cannot be read: {error.strerror}. Nothing was imported.") from None
    total = sum(position.last - position.first + 1 for position in found.values())
    progress = Progress("imported", total)

    async def import_(store: Store) -> None:
        await store.start()
        with progress:
            await importing.import_file(store, path, found, progress)

    try:
        _run(history, import_, must_be_there=False)
    except importing.Refused as error:
        raise PluginError(str(error)) from None
    except (Conflict, PluginError, KeyboardInterrupt) as error:
        if progress.done:
            sys.stderr.write(
                f"stopped after {progress.done:,} of {total:,} events: the same command goes on from there\n"
            )
        if isinstance(error, Conflict):
            raise PluginError(
                f"somebody else writes to a room that is imported, maybe a server: {error}"
            ) from None
        raise
    sys.stderr.write(f"imported {_counted(total, len(found))}\n")
    return 0


COMMANDS = (
    Command("rooms", "list the rooms of which there is a history", _list_rooms),
    Command(
        "export",
        "write the history of rooms as lines of JSON, also while the server runs",
        _export,
        _add_export_arguments,
    ),
    Command("import", "read such lines into rooms that the store does not have", _import, _add_import_arguments),
)
"""What history adds to ``hubbub``."""


def _run(history: History, work: Callable[[Store], Awaitable[T]], *, must_be_there: bool = True) -> T:
    """Do something with the store that the config names. Raise `PluginError` where it cannot be used."""
    config: HistoryConfig = history.config
    if config.store == "memory":
        raise PluginError("the history is in the server's memory (store: memory), where no command finds it")
    if config.store == "sqlite" and must_be_there and not config.path.exists():
        raise PluginError(
            f"there is no file {config.path}: nothing was recorded yet, or the server runs in another folder"
        )

    async def run() -> T:
        # What this process notes and clears about the safety of a file must not mix with what the server does.
        store = make_store(config.model_copy(update={"durability": "full"}))
        try:
            return await work(store)
        finally:
            await store.stop()

    try:
        return asyncio.run(run())
    except (StoreUnavailable, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise PluginError(str(error)) from None


async def _positions(store: Store, only: str | None = None) -> Sequence[tuple[str, Position]]:
    """Where each room stands, or one of them."""
    names = [name async for name in store.rooms() if only in (None, name)]
    found: list[Position] = []
    for start in range(0, len(names), ROOMS_AT_ONCE):
        some = names[start : start + ROOMS_AT_ONCE]
        found += await asyncio.gather(*(store.open(name, now=time.time()) for name in some))
    return list(zip(names, found, strict=True))


def _counted(events: int, rooms: int) -> str:
    return f"{events:,} event{'' if events == 1 else 's'} of {rooms:,} room{'' if rooms == 1 else 's'}"
