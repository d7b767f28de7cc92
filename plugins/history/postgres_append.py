"""How many appends become one transaction in PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .postgres_schema import Connection
from .store import Append, Appended, Conflict, conflict

Row: TypeAlias = tuple[int, int, float, bytes]
"""The room's id, the number, the time (of a key: when it expires), and the event or the key."""

INSERT_EVENTS = """INSERT INTO hubbub_history_events (room, seq, time, event)
    SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::double precision[], %b::bytea[])"""
INSERT_KEYS = """INSERT INTO hubbub_history_keys (room, seq, expires, key)
    SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::double precision[], %b::bytea[])
    ON CONFLICT (room, key) DO UPDATE SET seq = excluded.seq, expires = excluded.expires"""
ADVANCE = """UPDATE hubbub_history_rooms AS room SET last = new.last, time = new.time
    FROM unnest(%b::bigint[], %b::bigint[], %b::double precision[]) AS new (id, last, time)
    WHERE room.id = new.id"""


@dataclass(slots=True)
class _Room:
    id: int
    epoch: str
    last: int
    time: float | None = None
    """Of the last append in this transaction."""


@dataclass(slots=True)
class _Key:
    seq: int
    expires: float
    is_new: bool


_Keys: TypeAlias = dict[tuple[int, bytes], _Key]


def encode_key(key: str) -> bytes:
    """A key as it is stored: clients choose them, and a text in PostgreSQL does not take every character."""
    return key.encode("utf-8", "surrogatepass")


async def append_all(
    connection: Connection, batch: Sequence[Append], *, is_synced: bool
) -> list[Appended | Conflict]:
    """Store what stands as was expected, all of it or nothing; unless ``is_synced``, before it is on the disk.

    The rows of the rooms are held meanwhile, so that no other server gives the same numbers.
    """
    async with connection.transaction():
        if not is_synced:
            await connection.execute("SET LOCAL synchronous_commit TO off")
        rooms = await _hold(connection, {each.room for each in batch})
        begun = sorted({each.room for each in batch if each.first_seq is None} - rooms.keys())
        if begun:
            await _begin(connection, begun, batch[0].time)
            rooms |= await _hold(connection, begun)
        keys = await _known_keys(connection, batch, rooms)
        events: list[Row] = []
        outcomes = [_place(each, rooms.get(each.room), keys, events) for each in batch]
        if events:
            await _insert(connection, events, keys, [room for room in rooms.values() if room.time is not None])
    return outcomes


async def _hold(connection: Connection, names: Sequence[str] | set[str]) -> dict[str, _Room]:
    # Every server takes them in the same order, or two could wait for each other.
    cursor = await connection.execute(
        "SELECT name, id, epoch, last FROM hubbub_history_rooms WHERE name = ANY(%s) ORDER BY name FOR UPDATE",
        (list(names),),
    )
    return {name: _Room(id_, epoch, last) for name, id_, epoch, last in await cursor.fetchall()}


async def _begin(connection: Connection, names: Sequence[str], now: float) -> None:
    await connection.execute(
        "INSERT INTO hubbub_history_rooms (name, epoch, last, time) "
        "SELECT name, epoch, 0, %s FROM unnest(%s::text[], %s::text[]) AS new (name, epoch) "
        "ON CONFLICT DO NOTHING",
        (now, names, [secrets.token_hex(8) for _ in names]),
    )


async def _known_keys(connection: Connection, batch: Sequence[Append], rooms: dict[str, _Room]) -> _Keys:
    asked = [
        (rooms[each.room].id, encode_key(key))
        for each in batch
        if each.first_seq is None and (key := each.keys[0]) is not None
    ]
    if not asked:
        return {}
    cursor = await connection.execute(
        "SELECT room, key, seq, expires FROM hubbub_history_keys "
        "JOIN unnest(%b::bigint[], %b::bytea[]) AS asked (room, key) USING (room, key)",
        ([room for room, _ in asked], [key for _, key in asked]),
        binary=True,
    )
    rows = await cursor.fetchall()
    return {(room, bytes(key)): _Key(seq, expires, is_new=False) for room, key, seq, expires in rows}


def _place(append: Append, room: _Room | None, keys: _Keys, events: list[Row]) -> Appended | Conflict:
    if room is None:
        return conflict(append, None, 0)
    if append.first_seq is None:
        key = append.keys[0]
        seen = None if key is None else keys.get((room.id, encode_key(key)))
        if seen is not None and seen.expires > append.time:
            return Appended(room.epoch, seen.seq, is_duplicate=True)
    elif (room.epoch, room.last + 1) != (append.epoch, append.first_seq):
        return conflict(append, room.epoch, room.last)
    first_seq = room.last + 1
    for event, key in zip(append.events, append.keys, strict=True):
        room.last += 1
        events.append((room.id, room.last, append.time, event))
        if key is not None:
            keys[room.id, encode_key(key)] = _Key(room.last, append.expires, is_new=True)
    room.time = append.time
    return Appended(room.epoch, first_seq, is_duplicate=False)


async def _insert(connection: Connection, events: Sequence[Row], keys: _Keys, rooms: Sequence[_Room]) -> None:
    new_keys = [(room, each.seq, each.expires, key) for (room, key), each in keys.items() if each.is_new]
    advance = ([room.id for room in rooms], [room.last for room in rooms], [room.time for room in rooms])
    if new_keys:
        await connection.execute(
            f"WITH events AS ({INSERT_EVENTS}), keys AS ({INSERT_KEYS}) {ADVANCE}",
            (*_columns(events), *_columns(new_keys), *advance),
        )
    else:
        await connection.execute(f"WITH events AS ({INSERT_EVENTS}) {ADVANCE}", (*_columns(events), *advance))


def _columns(rows: Sequence[Row]) -> tuple[list[int], list[int], list[float], list[bytes]]:
    rooms, seqs, times, values = zip(*rows, strict=True)
    return list(rooms), list(seqs), list(times), list(values)
