"""What else is done in PostgreSQL, with a connection that commits each statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from .postgres_append import encode_key
from .postgres_schema import Connection
from .store import Position, Stored

SLICE = 1_000
"""How many rows, of each room, one statement removes at most."""

CUT = """
WITH excess AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::double precision[])
        AS excess (room, last, up_to, cutoff)
), cut AS (
    SELECT room, greatest(up_to, coalesce(
        (SELECT seq FROM hubbub_history_events AS young
         WHERE young.room = excess.room AND young.time > excess.cutoff ORDER BY seq LIMIT 1) - 1, last
    )) AS up_to, (SELECT min(seq) FROM hubbub_history_events AS oldest WHERE oldest.room = excess.room) AS first
    FROM excess
)
DELETE FROM hubbub_history_events AS event USING cut
WHERE event.room = cut.room AND event.seq <= least(cut.up_to, cut.first + %s - 1)
"""


class RoomState(NamedTuple):
    """A room, and the oldest event that is kept of it."""

    id: int
    name: str
    last: int
    time: float
    first: int | None
    oldest: float | None


class Excess(NamedTuple):
    """What is too much in a room."""

    room: int
    last: int
    up_to: int
    cutoff: float


async def touch(connection: Connection) -> None:
    """Write something of no meaning."""
    await connection.execute("UPDATE hubbub_history_meta SET touched = touched + 1")


async def position(connection: Connection, room: str) -> Position | None:
    """Where a room stands, if it is known."""
    cursor = await connection.execute(
        "SELECT epoch, coalesce((SELECT min(seq) FROM hubbub_history_events WHERE room = id), last + 1), last "
        "FROM hubbub_history_rooms WHERE name = %s",
        (room,),
    )
    row = await cursor.fetchone()
    return None if row is None else Position(*row)


async def settled_position(connection: Connection, room: str) -> Position | None:
    """As `position`, once no transaction is under way that changes the room."""
    async with connection.transaction():
        await connection.execute("SELECT FROM hubbub_history_rooms WHERE name = %s FOR UPDATE", (room,))
        return await position(connection, room)


async def begin(connection: Connection, room: str, epoch: str, last: int, now: float) -> bool:
    """Begin a room; return False where it is known already."""
    cursor = await connection.execute(
        "INSERT INTO hubbub_history_rooms (name, epoch, last, time) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (room, epoch, last, now),
    )
    return cursor.rowcount == 1


async def renew(connection: Connection, room: str, epoch: str, new: str) -> Position | None:
    """Give a room the epoch ``new`` in place of ``epoch``."""
    await connection.execute(
        "UPDATE hubbub_history_rooms SET epoch = %s WHERE name = %s AND epoch = %s", (new, room, epoch)
    )
    return await position(connection, room)


async def rooms(connection: Connection, after: str, limit: int) -> list[RoomState]:
    """The next rooms in the order of their names."""
    cursor = await connection.execute(
        "SELECT id, name, last, room.time, event.seq, event.time FROM hubbub_history_rooms AS room "
        "LEFT JOIN LATERAL (SELECT seq, time FROM hubbub_history_events WHERE room = room.id "
        "ORDER BY seq LIMIT 1) AS event ON true WHERE name > %s ORDER BY name LIMIT %s",
        (after, limit),
    )
    return [RoomState(*row) for row in await cursor.fetchall()]


async def forget(connection: Connection, room: str) -> None:
    """Remove a room with what is left of it."""
    async with connection.transaction():
        cursor = await connection.execute("DELETE FROM hubbub_history_rooms WHERE name = %s RETURNING id", (room,))
        found = await cursor.fetchone()
        if found is not None:
            await connection.execute("DELETE FROM hubbub_history_events WHERE room = %s", found)
            await connection.execute("DELETE FROM hubbub_history_keys WHERE room = %s", found)


async def forget_unused(connection: Connection, room: int, cutoff: float) -> None:
    """Remove a room of which nothing is kept and to which nothing was appended since ``cutoff``."""
    async with connection.transaction():
        await connection.execute("SELECT FROM hubbub_history_rooms WHERE id = %s FOR UPDATE", (room,))
        cursor = await connection.execute(
            "DELETE FROM hubbub_history_rooms WHERE id = %s AND time <= %s "
            "AND NOT EXISTS (SELECT FROM hubbub_history_events WHERE room = %s)",
            (room, cutoff, room),
        )
        if cursor.rowcount:
            await connection.execute("DELETE FROM hubbub_history_keys WHERE room = %s", (room,))


READ: LiteralString = (
    "SELECT seq, event FROM hubbub_history_events "
    "WHERE room = (SELECT id FROM hubbub_history_rooms WHERE name = %s) AND "
)


async def read(connection: Connection, room: str, after: int, limit: int) -> list[Stored]:
    """The events above a number."""
    cursor = await connection.execute(READ + "seq > %s ORDER BY seq LIMIT %s", (room, after, limit), binary=True)
    return [Stored(*row) for row in await cursor.fetchall()]


async def read_back(connection: Connection, room: str, before: int, limit: int) -> list[Stored]:
    """The newest events below a number."""
    cursor = await connection.execute(
        READ + "seq < %s ORDER BY seq DESC LIMIT %s", (room, before, limit), binary=True
    )
    return [Stored(*row) for row in await cursor.fetchall()][::-1]


async def find_key(connection: Connection, room: str, key: str, now: float) -> int | None:
    """The number that a key stands for."""
    cursor = await connection.execute(
        "SELECT seq FROM hubbub_history_keys "
        "WHERE room = (SELECT id FROM hubbub_history_rooms WHERE name = %s) AND key = %s AND expires > %s",
        (room, encode_key(key), now),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def cut(connection: Connection, rooms: Sequence[Excess]) -> int:
    """Remove a slice of what is too much in each of some rooms; return how many events."""
    columns = [list(column) for column in zip(*rooms, strict=True)]
    return (await connection.execute(CUT, (*columns, SLICE))).rowcount


async def remove(connection: Connection, room: str, up_to: int) -> int:
    """Remove a slice of the events up to a number."""
    cursor = await connection.execute(
        "WITH room AS (SELECT id, (SELECT min(seq) FROM hubbub_history_events WHERE room = id) AS first "
        "FROM hubbub_history_rooms WHERE name = %s) "
        "DELETE FROM hubbub_history_events USING room WHERE room = id AND seq <= least(%s, first + %s - 1)",
        (room, up_to, SLICE),
    )
    return cursor.rowcount


async def forget_keys(connection: Connection, now: float) -> int:
    """Remove a slice of the keys that are no longer known; return how many."""
    cursor = await connection.execute(
        "DELETE FROM hubbub_history_keys WHERE (room, key) IN "
        "(SELECT room, key FROM hubbub_history_keys WHERE expires <= %s ORDER BY expires LIMIT %s)",
        (now, SLICE),
    )
    return cursor.rowcount
