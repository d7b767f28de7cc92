"""One connection to the history file: opened when it is needed, given up when something is wrong with the file."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .sqlite_schema import migrate
from .store import Durability, StoreUnavailable, StoreUnusable

logger = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN = "unknown"
WAL_LIMIT = 64 * 1024 * 1024
PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""Errors after which the connection is as good as before."""

REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked: end that process, or wait for it",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked: end that process, or wait for it",
    sqlite3.SQLITE_FULL: "its disk is full: free some space",
    sqlite3.SQLITE_IOERR: "reading or writing fails: look at the disk, its quota, and the system's log",
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away with its -wal and -shm files, or put a backup there",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite file: move it away, or name another file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the folder and its permissions",
    sqlite3.SQLITE_READONLY: "it may not be written: look at the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "it may not be opened: look at the permissions of the file and its folder",
}


class SqliteFile:
    """For one thread: the one that asks first for the connection."""

    def __init__(self, path: Path, *, busy_timeout: float, is_reader: bool = False) -> None:
        """``busy_timeout`` is how many seconds another process's lock is waited for."""
        self._path = path
        self._durability: Durability = "full"
        self._is_noted = False
        self._busy_timeout = busy_timeout
        self._is_reader = is_reader
        self._connection: sqlite3.Connection | None = None
        self._identity: list[tuple[int, int]] = []

    @property
    def is_open(self) -> bool:
        """Whether there is a connection at the moment."""
        return self._connection is not None

    @contextmanager
    def use(self) -> Generator[sqlite3.Connection]:
        """The connection. What is done with it is not answered for where this raises `StoreUnavailable`."""
        try:
            connection = self._connection or self._open()
            yield connection
            self._check_in_place()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            self._roll_back()
            if code not in PASSING:
                self.give_up()
            what = REMEDIES.get(code, "look at the folder and the disk")
            raise StoreUnavailable(f"The history file {self._path}: {what} ({error}).") from error
        except OSError as error:
            raise StoreUnavailable(
                f"The history file {self._path.absolute()} cannot be opened: {error.strerror}. "
                "Make its folder, and let the server's user write there."
            ) from error
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def transaction(self, durability: Durability) -> Generator[sqlite3.Connection]:
        """As `use`, in a transaction: as durable as that once this is left without an exception."""
        with self.use() as connection:
            if durability != self._durability:
                self._set_durability(connection, durability)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        # What people say is not for every user here. A file that is there is not to be opened: closing it again
        # would end the locks of this process's other connection (fcntl), and other processes rely on these.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout, isolation_level=None)
        try:
            mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StoreUnusable(
                    f"{self._path} is on a file system without shared memory: choose a local disk."
                )
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}").fetchall()
            migrate(connection, self._path)
            if self._is_reader:
                connection.execute("PRAGMA query_only = ON")
            else:
                self._renew_after_power_failure(connection)
            connection.execute("SELECT count(*) FROM meta").fetchone()  # From now on the WAL file is there.
            self._identity = self._look()
        except BaseException:
            connection.close()
            raise
        self._connection, self._durability, self._is_noted = connection, "full", False
        return connection

    def _set_durability(self, connection: sqlite3.Connection, durability: Durability) -> None:
        if durability == "normal" and not self._is_noted:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('unsynced_boot', ?)", (_boot(),))
            self._is_noted = True
        connection.execute(f"PRAGMA synchronous = {durability}")
        self._durability = durability

    def _renew_after_power_failure(self, connection: sqlite3.Connection) -> None:
        # What was committed without a sync is lost where the power failed since, and with it numbers that clients
        # have seen: they must not come again in the same epoch.
        noted = connection.execute("SELECT value FROM meta WHERE name = 'unsynced_boot'").fetchone()
        if noted is not None and (noted[0] != _boot() or noted[0] == UNKNOWN):
            logger.warning(
                "%s was not closed before the machine stopped and may have lost its last events: all rooms get a "
                "new epoch. With the durability full nothing is lost.",
                self._path,
            )
            connection.execute("UPDATE rooms SET epoch = lower(hex(randomblob(8)))")
            connection.execute("DELETE FROM meta WHERE name = 'unsynced_boot'")

    def _look(self) -> list[tuple[int, int]]:
        return [(found.st_dev, found.st_ino) for found in map(os.stat, (self._path, f"{self._path}-wal"))]

    def _check_in_place(self) -> None:
        # SQLite goes on writing to a file that was deleted or replaced, which nobody would ever find.
        try:
            in_place = self._look() == self._identity
        except OSError:
            in_place = False
        if not in_place:
            self.give_up()
            raise StoreUnavailable(f"The history file {self._path} or its -wal file was removed or replaced.")

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def give_up(self) -> None:
        """Close the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Leave one file behind in which everything is synced, where nobody else has it open."""
        try:
            if self._connection is not None and not self._is_reader:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._connection.execute("PRAGMA synchronous = FULL")
                if self._is_noted:  # It may be another process that has noted it.
                    self._connection.execute("DELETE FROM meta WHERE name = 'unsynced_boot'")
        except sqlite3.Error as error:
            logger.warning(
                "%s could not be closed well, and is put in order at the next start: %s", self._path, error
            )
        finally:
            self.give_up()


def _boot() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else UNKNOWN
