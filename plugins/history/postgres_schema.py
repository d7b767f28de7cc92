"""The tables in PostgreSQL, one step for each version of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import LiteralString, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from .store import StoreUnusable

logger = logging.getLogger(__name__)

Connection: TypeAlias = AsyncConnection[TupleRow]

LOCK = 0x48756262
"""The number of the advisory lock under which one server at a time migrates."""

MIGRATIONS: tuple[tuple[LiteralString, ...], ...] = (
    (
        """CREATE TABLE hubbub_history_rooms (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            epoch text NOT NULL,
            last bigint NOT NULL,
            time double precision NOT NULL
        ) WITH (fillfactor = 50)""",
        """CREATE TABLE hubbub_history_events (
            room bigint NOT NULL,
            seq bigint NOT NULL,
            time double precision NOT NULL,
            event bytea NOT NULL,
            PRIMARY KEY (room, seq)
        )""",
        """CREATE TABLE hubbub_history_keys (
            room bigint NOT NULL,
            key bytea NOT NULL,
            seq bigint NOT NULL,
            expires double precision NOT NULL,
            PRIMARY KEY (room, key)
        )""",
        "CREATE INDEX hubbub_history_keys_by_expiry ON hubbub_history_keys (expires)",
    ),
    ("ALTER TABLE hubbub_history_meta ADD COLUMN unsynced_since timestamptz",),
)
"""The statements that lead from each version to the next, from nothing on. What was released never changes."""


async def migrate(connection: Connection, migrations: Sequence[Sequence[LiteralString]] = MIGRATIONS) -> None:
    """Bring the tables to the newest version, all at once or not at all.

    Raise `StoreUnusable` where a newer version made them.
    """
    if await _is_current(connection, migrations):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        # Another server may have been faster, but PostgreSQL remembers what it has not found a moment ago.
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS hubbub_history_meta "
            "(version integer NOT NULL, touched bigint NOT NULL DEFAULT 0)"
        )
        await connection.execute(
            "INSERT INTO hubbub_history_meta (version) SELECT 0 WHERE NOT EXISTS (SELECT FROM hubbub_history_meta)"
        )
        for migration in migrations[await _read_version(connection, migrations) :]:
            for statement in migration:
                await connection.execute(statement)
        await connection.execute("UPDATE hubbub_history_meta SET version = %s", (len(migrations),))


async def note_unsynced(connection: Connection) -> None:
    """Note, durably, that from now on PostgreSQL may lose what it has taken when it ends without a warning."""
    await connection.execute("UPDATE hubbub_history_meta SET unsynced_since = pg_postmaster_start_time()")


async def renew_after_restart(connection: Connection) -> None:
    """Give all rooms a new epoch, once, where PostgreSQL has started again since the note of `note_unsynced`.

    Numbers that clients have seen may be lost then, and must not come again in the same epoch.
    """
    async with connection.transaction():
        noted = await connection.execute(
            "UPDATE hubbub_history_meta SET unsynced_since = NULL "
            "WHERE unsynced_since <> pg_postmaster_start_time()"
        )
        if noted.rowcount:
            logger.warning(
                "PostgreSQL was started again, and may have lost the last events of rooms with the durability "
                "normal: all rooms get a new epoch."
            )
            await connection.execute(
                "UPDATE hubbub_history_rooms SET epoch = left(replace(gen_random_uuid()::text, '-', ''), 16)"
            )


async def _is_current(connection: Connection, migrations: Sequence[Sequence[LiteralString]]) -> bool:
    found = await (await connection.execute("SELECT to_regclass('hubbub_history_meta')")).fetchone()
    if found is None or found[0] is None:
        return False
    return await _read_version(connection, migrations) == len(migrations)


async def _read_version(connection: Connection, migrations: Sequence[Sequence[LiteralString]]) -> int:
    row = await (await connection.execute("SELECT version FROM hubbub_history_meta")).fetchone()
    version = 0 if row is None else int(row[0])
    if version > len(migrations):
        raise StoreUnusable(
            f"The history in the database was written by a newer Hubbub: its version is {version}, and this one "
            f"knows up to {len(migrations)}. Upgrade Hubbub, or restore the backup from before the upgrade."
        )
    return version
