"""What is done in the history file, within a transaction that somebody else began and commits."""

from __future__ import annotations

import secrets
import sqlite3
from functools import cache
from itertools import chain, islice, takewhile
from typing import NamedTuple, TypeAlias

from .store import Append, Appended, Conflict, Position, Stored, conflict

SLICE = 1_000
"""How many rows are removed at most in one transaction, so that appends have to wait for no more."""

MOST_ROWS = 500
"""How many rows one statement inserts: SQLite takes no more than 32,766 values."""

Room: TypeAlias = tuple[int, str, int]
"""Its id, its epoch and the number of its last event."""


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
    up_to: int
    cutoff: float
    room_cutoff: float

    def is_found_in(self, room: RoomState) -> bool:
        """Whether there is any of it."""
        if room.first is None or room.oldest is None:
            return room.time <= self.room_cutoff
        return room.first <= self.up_to or room.oldest <= self.cutoff


def nothing(connection: sqlite3.Connection) -> None:
    """Do nothing, for which the file has to be open and not locked."""


def touch(connection: sqlite3.Connection) -> None:
    """Write something of no meaning."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('touched', ?)", (secrets.token_hex(8),))


# Rooms


def find(connection: sqlite3.Connection, room: str) -> Room | None:
    """A room by its name."""
    return connection.execute("SELECT id, epoch, last FROM rooms WHERE name = ?", (room,)).fetchone()


def position(connection: sqlite3.Connection, room: str) -> Position | None:
    """Where a room stands, if it is known."""
    row = connection.execute(
        "SELECT epoch, last, (SELECT min(seq) FROM events WHERE room = id) FROM rooms WHERE name = ?", (room,)
    ).fetchone()
    if row is None:
        return None
    epoch, last, first = row
    return Position(epoch, last + 1 if first is None else first, last)


def begin(connection: sqlite3.Connection, room: str, epoch: str, now: float, last: int = 0) -> Position:
    """Begin a room, where nobody else just did; tell where it stands."""
    connection.execute(
        "INSERT OR IGNORE INTO rooms (name, epoch, last, time) VALUES (?, ?, ?, ?)", (room, epoch, last, now)
    )
    found = position(connection, room)
    assert found is not None
    return found


def restore(connection: sqlite3.Connection, room: str, epoch: str, last: int, now: float) -> Conflict | None:
    """Begin a room where it was elsewhere."""
    if find(connection, room) is not None:
        return Conflict(f"the room {room!r} is known already")
    begin(connection, room, epoch, now, last)
    return None


def renew(connection: sqlite3.Connection, room: str, epoch: str, new: str) -> Position | Conflict:
    """Give a room the epoch ``new`` in place of ``epoch``."""
    connection.execute("UPDATE rooms SET epoch = ? WHERE name = ? AND epoch = ?", (new, room, epoch))
    return position(connection, room) or Conflict(f"the room {room!r} is not known")


def rooms(connection: sqlite3.Connection, after: str, limit: int) -> list[RoomState]:
    """The next rooms in the order of their names."""
    rows = connection.execute(
        "SELECT id, name, last, rooms.time, seq, events.time FROM rooms LEFT JOIN events ON room = id AND seq = "
        "(SELECT min(seq) FROM events WHERE room = id) WHERE name > ? ORDER BY name LIMIT ?",
        (after, limit),
    )
    return [RoomState(*row) for row in rows]


def forget(connection: sqlite3.Connection, room: str) -> bool:
    """Remove a room, or a slice of it where it is large; return whether there is more to remove."""
    if remove(connection, room, 2**63 - 1) == SLICE:
        return True
    found = find(connection, room)
    if found is not None:
        connection.execute("DELETE FROM keys WHERE room = ?", found[:1])
        connection.execute("DELETE FROM rooms WHERE id = ?", found[:1])
    return False


# Events


def append(connection: sqlite3.Connection, request: Append) -> Appended | Conflict:
    """Store events, where the room stands as was expected."""
    found = find(connection, request.room)
    if request.first_seq is None:
        if found is None:
            begin(connection, request.room, secrets.token_hex(8), request.time)
            found = find(connection, request.room)
            assert found is not None
        key = request.keys[0]
        seen = None if key is None else find_key(connection, request.room, key, request.time)
        if seen is not None:
            return Appended(found[1], seen, is_duplicate=True)
    elif found is None or (found[1], found[2] + 1) != (request.epoch, request.first_seq):
        return conflict(request, found and found[1], found[2] if found else 0)
    room, epoch, last = found
    rows = ((room, seq, request.time, event) for seq, event in enumerate(request.events, last + 1))
    while some := list(islice(rows, MOST_ROWS)):
        connection.execute(_insert(len(some)), list(chain.from_iterable(some)))
    keys = [
        (room, encode_key(key), seq, request.expires)
        for seq, key in enumerate(request.keys, last + 1)
        if key is not None
    ]
    if keys:
        connection.executemany("INSERT OR REPLACE INTO keys (room, key, seq, expires) VALUES (?, ?, ?, ?)", keys)
    connection.execute(
        "UPDATE rooms SET last = ?, time = ? WHERE id = ?", (last + len(request.events), request.time, room)
    )
    return Appended(epoch, last + 1, is_duplicate=False)


@cache
def _insert(rows: int) -> str:
    # One statement for all: a step for each row, which lets go of the interpreter, costs more than the work.
    return "INSERT INTO events (room, seq, time, event) VALUES (?, ?, ?, ?)" + ", (?, ?, ?, ?)" * (rows - 1)


def encode_key(key: str) -> bytes:
    """A key as it is stored: clients choose them, and not every database takes every character."""
    return key.encode("utf-8", "surrogatepass")


def find_key(connection: sqlite3.Connection, room: str, key: str, now: float) -> int | None:
    """The number that a key stands for."""
    row = connection.execute(
        "SELECT seq FROM keys WHERE room = (SELECT id FROM rooms WHERE name = ?) AND key = ? AND expires > ?",
        (room, encode_key(key), now),
    ).fetchone()
    return None if row is None else row[0]


def read(connection: sqlite3.Connection, room: str, after: int, limit: int) -> list[Stored]:
    """The events above a number."""
    rows = connection.execute(
        "SELECT seq, event FROM events WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq > ? "
        "ORDER BY seq LIMIT ?",
        (room, after, limit),
    )
    return [Stored(*row) for row in rows]


def read_back(connection: sqlite3.Connection, room: str, before: int | None, limit: int) -> list[Stored]:
    """The newest events below a number."""
    rows = connection.execute(
        "SELECT seq, event FROM events WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq < ? "
        "ORDER BY seq DESC LIMIT ?",
        (room, 2**63 - 1 if before is None else before, limit),
    )
    return [Stored(*row) for row in rows][::-1]


# Removal


def remove(connection: sqlite3.Connection, room: str, up_to: int) -> int:
    """Remove a slice of the events up to a number."""
    found = find(connection, room)
    return 0 if found is None else _remove_oldest(connection, found[0], up_to, float("-inf"), SLICE)


def _remove_oldest(connection: sqlite3.Connection, room: int, up_to: int, cutoff: float, limit: int) -> int:
    oldest: list[tuple[int, float]] = connection.execute(
        "SELECT seq, time FROM events WHERE room = ? ORDER BY seq LIMIT ?", (room, limit)
    ).fetchall()
    gone = list(takewhile(lambda event: event[0] <= up_to or event[1] <= cutoff, oldest))
    if gone:
        connection.execute("DELETE FROM events WHERE room = ? AND seq <= ?", (room, gone[-1][0]))
    return len(gone)


def cut(connection: sqlite3.Connection, rooms: list[Excess]) -> tuple[int, list[Excess]]:
    """Remove a slice of what is too much; return how many events, and what is still to be done."""
    removed = 0
    for index, excess in enumerate(rooms):
        left = SLICE - removed
        removed += _remove_oldest(connection, excess.room, excess.up_to, excess.cutoff, left)
        if removed == SLICE:
            return removed, rooms[index:]
        unused = (
            "DELETE FROM rooms WHERE id = ?1 AND time <= ?2 AND NOT EXISTS (SELECT 1 FROM events WHERE room = ?1)"
        )
        if connection.execute(unused, (excess.room, excess.room_cutoff)).rowcount:
            connection.execute("DELETE FROM keys WHERE room = ?", (excess.room,))
    return removed, []


def forget_keys(connection: sqlite3.Connection, now: float) -> int:
    """Remove a slice of the keys that are no longer known; return how many."""
    return connection.execute(
        "DELETE FROM keys WHERE (room, key) IN "
        "(SELECT room, key FROM keys WHERE expires <= ? ORDER BY expires LIMIT ?)",
        (now, SLICE),
    ).rowcount
