"""The tables of the history file, one step for each version of them."""

import sqlite3
from collections.abc import Sequence

from .store import StoreUnusable

APPLICATION_ID = 0x48756262
"""Says of an SQLite file that it is Hubbub's."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE rooms (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            epoch TEXT NOT NULL,
            last INTEGER NOT NULL,
            time REAL NOT NULL
        )""",
        """CREATE TABLE events (
            room INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            time REAL NOT NULL,
            event BLOB NOT NULL,
            PRIMARY KEY (room, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE keys (
            room INTEGER NOT NULL,
            key BLOB NOT NULL,
            seq INTEGER NOT NULL,
            expires REAL NOT NULL,
            PRIMARY KEY (room, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX keys_by_expiry ON keys (expires)",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
)
"""The statements that lead from each version to the next, from an empty file on. Released ones never change."""


def migrate(
    connection: sqlite3.Connection, path: object, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """Bring the file to the newest version, all at once or not at all.

    Raise `StoreUnusable` where a newer version wrote it, or another program.
    """
    if _version(connection, path, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: another process may have been faster.
        for version in range(_version(connection, path, migrations), len(migrations)):
            for statement in migrations[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: object, migrations: Sequence[Sequence[str]]) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    if owner != APPLICATION_ID and not is_empty:
        raise StoreUnusable(f"{path} is an SQLite file of another program: name another file for the history.")
    if version > len(migrations):
        raise StoreUnusable(
            f"{path} was written by a newer Hubbub: its version is {version}, and this one knows up to "
            f"{len(migrations)}. Upgrade Hubbub, or put the copy back that was made before the upgrade."
        )
    return version
