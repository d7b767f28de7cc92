"""The store in one file: SQLite, with a thread that writes and a thread that reads."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar, cast

from . import sqlite_statements as statements
from .group import Group
from .sqlite_file import SqliteFile
from .store import Append, Appended, Conflict, Durability, Position, Retention, Store, Stored, StoreUnavailable

T = TypeVar("T")

Operation: TypeAlias = Callable[[sqlite3.Connection], object]
"""Something to do with the file. What it returns is the answer; a `Conflict`, it is raised to whoever asked."""

ROOMS_AT_ONCE = 200


class _Write(NamedTuple):
    operation: Operation
    durability: Durability


class _Side(NamedTuple):
    file: SqliteFile
    thread: ThreadPoolExecutor


class SqliteStore(Store):
    """Keeps everything in one file beside the server.

    What is to be written at the same moment goes into one transaction, with one sync of the disk. Reading goes on
    meanwhile, and sees everything that was answered.
    """

    def __init__(self, path: Path, *, durability: Durability = "full", busy_timeout: float = 2.0) -> None:
        """``durability`` is that of whatever does not ask for another.

        ``busy_timeout`` is how many seconds another process that has locked the file is waited for.
        """
        self._durability: Durability = durability
        self._writer, self._reader = (
            _Side(
                SqliteFile(path, busy_timeout=busy_timeout, is_reader=is_reader),
                ThreadPoolExecutor(1, f"hubbub-history-{'read' if is_reader else 'write'}"),
            )
            for is_reader in (False, True)
        )
        self._writes = Group[_Write, object](self._write_all)
        self._reads = Group[Operation, object](self._read_all)

    async def start(self) -> None:
        """Open the file, which is created where there is none, and migrate it."""
        await self._write(statements.nothing)

    async def stop(self) -> None:
        """Commit what waits, and close the file."""
        loop = asyncio.get_running_loop()
        for group, side in ((self._reads, self._reader), (self._writes, self._writer)):
            await group.close()
            await loop.run_in_executor(side.thread, side.file.close)
            side.thread.shutdown()

    async def check(self) -> None:
        """Commit something, to see whether that works."""
        await self._write(statements.touch)

    # Threads

    async def _write(
        self,
        operation: Callable[[sqlite3.Connection], T | Conflict],
        size: int = 500,
        durability: Durability | None = None,
    ) -> T:
        return cast(T, await self._writes.submit(_Write(operation, durability or self._durability), size))

    async def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return cast(T, await self._reads.submit(operation))

    async def _write_all(self, writes: list[_Write]) -> Sequence[object]:
        is_full = any(each.durability == "full" for each in writes)

        def work() -> list[object]:
            with self._writer.file.transaction("full" if is_full else "normal") as connection:
                return [each.operation(connection) for each in writes]

        return await self._in_thread(self._writer, self._reader, work)

    async def _read_all(self, operations: list[Operation]) -> Sequence[object]:
        def work() -> list[object]:
            with self._reader.file.use() as connection:
                return [operation(connection) for operation in operations]

        return await self._in_thread(self._reader, self._writer, work)

    async def _in_thread(self, side: _Side, other: _Side, work: Callable[[], list[object]]) -> list[object]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(side.thread, work)
        except StoreUnavailable:
            if not side.file.is_open:
                # A connection to what was there before must not be open when the next one is made.
                await loop.run_in_executor(other.thread, other.file.give_up)
            raise

    # Rooms

    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands; see `Store.open`."""
        position = await self._read(lambda connection: statements.position(connection, room))
        if position is not None:
            return position
        epoch = secrets.token_hex(8)
        return await self._write(lambda connection: statements.begin(connection, room, epoch, now))

    async def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms."""
        async for page in self._pages():
            for room in page:
                yield room.name

    async def _pages(self) -> AsyncIterator[list[statements.RoomState]]:
        page = await self._read(lambda connection: statements.rooms(connection, "", ROOMS_AT_ONCE))
        while page:
            yield page
            after = page[-1].name
            page = await self._read(
                lambda connection, after=after: statements.rooms(connection, after, ROOMS_AT_ONCE)
            )

    async def forget(self, room: str) -> None:
        """Remove a room; see `Store.forget`."""
        while await self._write(lambda connection: statements.forget(connection, room)):
            pass

    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch; see `Store.renew`."""
        new = secrets.token_hex(8)
        return await self._write(lambda connection: statements.renew(connection, room, epoch, new))

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room where it was elsewhere; see `Store.restore`."""
        await self._write(lambda connection: statements.restore(connection, room, epoch, last, now))

    # Events

    async def _append(self, append: Append) -> Appended:
        durability = append.retention.durability
        return await self._write(lambda connection: statements.append(connection, append), append.size, durability)

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """Events above a number; see `Store.read`."""
        return await self._read(lambda connection: statements.read(connection, room, after, limit))

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """Events below a number; see `Store.read_back`."""
        return await self._read(lambda connection: statements.read_back(connection, room, before, limit))

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number that a key stands for; see `Store.find_key`."""
        return await self._read(lambda connection: statements.find_key(connection, room, key, now))

    async def remove(self, room: str, up_to: int) -> int:
        """Remove events up to a number; see `Store.remove`."""
        removed, count = 0, statements.SLICE
        while count == statements.SLICE:
            count = await self._write(lambda connection: statements.remove(connection, room, up_to))
            removed += count
        return removed

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Remove what is not to be kept; see `Store.trim`."""
        removed = 0
        async for page in self._pages():
            excess: list[statements.Excess] = []
            for room in page:
                retention = retention_of(room.name)
                too_much = statements.Excess(
                    room.id, room.last - retention.count, retention.cutoff(now), retention.room_cutoff(now)
                )
                if too_much.is_found_in(room):
                    excess.append(too_much)
            while excess:
                count, excess = await self._write(
                    lambda connection, excess=excess: statements.cut(connection, excess)
                )
                removed += count
        while await self._write(lambda connection: statements.forget_keys(connection, now)) == statements.SLICE:
            pass
        return removed
