"""The store in PostgreSQL, which several servers may share."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from weakref import WeakSet

from . import postgres_statements as statements
from .group import Group
from .postgres_append import append_all
from .postgres_connections import Connections
from .postgres_schema import Connection, note_unsynced
from .store import Append, Appended, Conflict, Position, Retention, Store, Stored

ROOMS_AT_ONCE = 200
NEWEST = 2**63 - 1


class PostgresStore(Store):
    """Keeps everything in tables named ``hubbub_history_…``, in the first schema of the search path.

    What is to be appended in the same moment goes into one transaction. With the durability ``full`` it is as safe
    as PostgreSQL's ``synchronous_commit`` says; with ``normal`` that is off, and the last fraction of a second is
    lost where PostgreSQL ends without a warning.
    """

    def __init__(self, url: str, *, connections: int = 4, timeout: float = 5.0) -> None:
        """``url`` is as libpq takes it; raise `ValueError` where it is not one.

        ``timeout`` is how many seconds an answer may take until PostgreSQL counts as away.
        """
        self._connections = Connections(url, most=connections, timeout=timeout)
        self._appends = Group[Append, Appended](self._append_all)
        self._in_doubt: set[str] = set()
        self._noted = WeakSet[Connection]()

    async def start(self) -> None:
        """Connect, and create or migrate the tables."""
        await self.check()

    async def stop(self) -> None:
        """Commit what waits, and disconnect."""
        await self._appends.close()
        await self._connections.close()

    async def check(self) -> None:
        """Commit something, to see whether that works."""
        await self._connections.run(statements.touch)

    # Rooms

    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands; see `Store.open`."""
        look = statements.settled_position if room in self._in_doubt else statements.position
        found = await self._connections.run(lambda connection: look(connection, room))
        self._in_doubt.discard(room)
        if found is not None:
            return found
        epoch = secrets.token_hex(8)

        async def begin(connection: Connection) -> Position | None:
            await statements.begin(connection, room, epoch, 0, now)
            return await statements.position(connection, room)

        return await self._connections.run(begin) or await self.open(room, now=now)

    async def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms."""
        async for page in self._pages():
            for room in page:
                yield room.name

    async def _pages(self) -> AsyncIterator[list[statements.RoomState]]:
        after = ""
        while page := await self._connections.run(partial(statements.rooms, after=after, limit=ROOMS_AT_ONCE)):
            yield page
            after = page[-1].name

    async def forget(self, room: str) -> None:
        """Remove a room; see `Store.forget`."""
        await self.remove(room, NEWEST)
        await self._connections.run(lambda connection: statements.forget(connection, room))

    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch; see `Store.renew`."""
        new = secrets.token_hex(8)
        found = await self._connections.run(lambda connection: statements.renew(connection, room, epoch, new))
        if found is None:
            raise Conflict(f"the room {room!r} is not known")
        return found

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room where it was elsewhere; see `Store.restore`."""
        if not await self._connections.run(
            lambda connection: statements.begin(connection, room, epoch, last, now)
        ):
            raise Conflict(f"the room {room!r} is known already")

    # Events

    async def _append(self, append: Append) -> Appended:
        return await self._appends.submit(append, append.size)

    async def _append_all(self, batch: list[Append]) -> Sequence[Appended | Conflict]:
        rooms = {append.room for append in batch}
        is_synced = any(append.retention.durability != "normal" for append in batch)

        async def work(connection: Connection) -> Sequence[Appended | Conflict]:
            if not is_synced and connection not in self._noted:
                await note_unsynced(connection)
                self._noted.add(connection)
            # Where the connection is lost, PostgreSQL may still be committing.
            self._in_doubt |= rooms
            outcomes = await append_all(connection, batch, is_synced=is_synced)
            self._in_doubt -= rooms
            return outcomes

        return await self._connections.run(work)

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """Events above a number; see `Store.read`."""
        return await self._connections.run(lambda connection: statements.read(connection, room, after, limit))

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """Events below a number; see `Store.read_back`."""
        below = NEWEST if before is None else before
        return await self._connections.run(lambda connection: statements.read_back(connection, room, below, limit))

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number that a key stands for; see `Store.find_key`."""
        return await self._connections.run(lambda connection: statements.find_key(connection, room, key, now))

    async def remove(self, room: str, up_to: int) -> int:
        """Remove events up to a number; see `Store.remove`."""
        removed = 0
        while count := await self._connections.run(lambda connection: statements.remove(connection, room, up_to)):
            removed += count
        return removed

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Remove what is not to be kept; see `Store.trim`."""
        removed = 0
        async for page in self._pages():
            excess: list[statements.Excess] = []
            for room in page:
                retention = retention_of(room.name)
                up_to, cutoff = room.last - retention.count, retention.cutoff(now)
                if room.first is None or room.oldest is None:
                    if room.time <= retention.room_cutoff(now):
                        await self._connections.run(
                            partial(statements.forget_unused, room=room.id, cutoff=retention.room_cutoff(now))
                        )
                elif room.first <= up_to or room.oldest <= cutoff:
                    excess.append(statements.Excess(room.id, room.last, up_to, cutoff))
            while excess and (count := await self._connections.run(partial(statements.cut, rooms=excess))):
                removed += count
        while await self._connections.run(partial(statements.forget_keys, now=now)) == statements.SLICE:
            pass
        return removed
