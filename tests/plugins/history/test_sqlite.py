"""The store in a file: its versions, whose file it is, and what it does at once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from hubbub.plugins.history import sqlite_file
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.sqlite_file import SqliteFile
from hubbub.plugins.history.sqlite_schema import MIGRATIONS, migrate
from hubbub.plugins.history.store import Durability, Position, Retention, StoreUnusable

from .conftest import Run
from .filling import NOW, fill, stored

VERSION_1 = """
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    last INTEGER NOT NULL,
    time REAL NOT NULL
);
CREATE TABLE events (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time REAL NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE TABLE keys (
    room INTEGER NOT NULL,
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    expires REAL NOT NULL,
    PRIMARY KEY (room, key)
) WITHOUT ROWID;
CREATE INDEX keys_by_expiry ON keys (expires);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO rooms VALUES (1, 'lobby', 'an epoch', 3, 1800000000.0);
INSERT INTO events VALUES
    (1, 2, 1800000000.0, CAST('{"type":"message","content":2}' AS BLOB)),
    (1, 3, 1800000000.0, CAST('{"type":"message","content":3}' AS BLOB));
INSERT INTO keys VALUES (1, CAST('alice 1' AS BLOB), 3, 1800000300.0);
PRAGMA application_id = 1215652450;
PRAGMA user_version = 1;
"""
"""A file as the first version wrote it. It stays as it is, whatever comes."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def execute(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def tables(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_file_of_the_first_version_is_read_and_goes_on(path: Path, run: Run) -> None:
    execute(path, VERSION_1)
    store = SqliteStore(path)
    run(store.start())
    assert run(store.open("lobby", now=NOW)) == Position("an epoch", 2, 3)
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 3
    assert run(fill(store, "lobby", 1)).last == 4
    assert run(store.read("lobby", 0, 10)) == stored(2, 3, 4)
    run(store.stop())


def test_a_new_file_is_of_the_newest_version(path: Path, run: Run) -> None:
    store = SqliteStore(path)
    run(store.start())
    run(store.stop())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_migration_leads_from_the_version_of_the_file_to_the_newest(path: Path) -> None:
    execute(path, VERSION_1)
    migrations = [*MIGRATIONS, ("CREATE TABLE second (a)", "INSERT INTO second VALUES (2)"), ("DROP TABLE keys",)]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, migrations)
        migrate(connection, path, migrations)
        assert connection.execute("SELECT a FROM second").fetchall() == [(2,)]
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)
    assert "keys" not in tables(path)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    execute(path, VERSION_1)
    before = tables(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, [*MIGRATIONS, ("CREATE TABLE second (a)", "no SQL at all")])
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert tables(path) == before


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path, run: Run) -> None:
    execute(path, VERSION_1 + "PRAGMA user_version = 99;")
    store = SqliteStore(path)
    with pytest.raises(StoreUnusable, match=r"its version is 99, and this one knows up to \d+\. Upgrade Hubbub"):
        run(store.start())
    run(store.stop())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


@pytest.mark.parametrize("version", [0, 1, 99])
def test_a_file_of_another_program_is_refused_and_left_alone(path: Path, run: Run, version: int) -> None:
    execute(path, f"CREATE TABLE bookmarks (url); PRAGMA user_version = {version};")
    store = SqliteStore(path)
    with pytest.raises(StoreUnusable, match=r"history\.db is an SQLite file of another program"):
        run(store.start())
    run(store.stop())
    assert tables(path) == {"bookmarks"}


def test_only_the_user_of_the_server_may_read_the_file(path: Path, run: Run) -> None:
    store = SqliteStore(path)
    run(store.start())
    run(fill(store, "lobby", 1))
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    run(store.stop())


def test_a_stopped_store_leaves_a_single_file_that_has_everything(path: Path, run: Run) -> None:
    store = SqliteStore(path, durability="normal")
    run(store.start())
    run(fill(store, "lobby", 3))
    run(store.stop())
    assert [file.name for file in path.parent.iterdir()] == ["history.db"]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)


def test_appends_of_the_same_moment_share_few_transactions(
    path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(path)
    transaction, begun = SqliteFile.transaction, list[SqliteFile]()

    def counted(file: SqliteFile, durability: Durability) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        begun.append(file)
        return transaction(file, durability)

    async def publish() -> None:
        await store.start()
        rooms = [f"room-{number}" for number in range(500)]
        positions = await asyncio.gather(*(store.open(room, now=NOW) for room in rooms))
        monkeypatch.setattr(SqliteFile, "transaction", counted)
        await asyncio.gather(
            *(
                store.append(room, position.epoch, 1, [b"{}"], keys=[None], time=NOW, retention=Retention(9))
                for room, position in zip(rooms, positions, strict=True)
            )
        )
        await store.stop()

    run(publish())
    assert len(begun) == 1


def test_keys_that_are_no_longer_known_are_removed_from_the_file(path: Path, run: Run) -> None:
    store = SqliteStore(path)
    run(store.start())
    keys = [f"alice {number}" for number in range(2500)]
    run(fill(store, "lobby", 2500, keys=keys, retention=Retention(10_000, key_seconds=60)))
    run(fill(store, "lobby", 1, keys=["bob 1"], time=NOW + 30, retention=Retention(10_000, key_seconds=60)))
    run(store.trim(lambda _: Retention(10_000), now=NOW + 60))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT CAST(key AS TEXT) FROM keys").fetchall() == [("bob 1",)]
    run(store.stop())


def test_a_forgotten_room_leaves_nothing_in_the_file(path: Path, run: Run) -> None:
    store = SqliteStore(path)
    run(store.start())
    run(fill(store, "lobby", 2, keys=["alice 1", None]))
    run(fill(store, "zoo", 2, keys=["alice 1", None]))
    run(store.forget("lobby"))
    run(store.trim(lambda _: Retention(0, room_seconds=0), now=NOW))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("rooms", "events", "keys"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    run(store.stop())


@pytest.mark.parametrize(
    ("durability", "boots", "is_renewed"),
    [("normal", ["a", "b"], True), ("normal", ["a", "a"], False), ("full", ["a", "b"], False)],
)
def test_epochs_change_where_a_power_failure_may_have_taken_events_that_clients_have_seen(
    path: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    durability: Durability,
    boots: list[str],
    is_renewed: bool,
) -> None:
    """A server that is not stopped, and one that finds its file after the machine has started again, or not."""
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(sqlite_file, "BOOT_ID", boot)
    left, found = SqliteStore(path, durability=durability), SqliteStore(path, durability=durability)
    boot.write_text(boots[0])
    run(left.start())
    position = run(fill(left, "lobby", 3))
    boot.write_text(boots[1])
    run(found.start())
    after = run(found.open("lobby", now=NOW))
    assert (after.epoch != position.epoch) == is_renewed
    assert (after.first, after.last) == (1, 3)
    assert ("all rooms get a new epoch" in caplog.text) == is_renewed
    run(found.stop())
    run(left.stop())


def test_epochs_stay_where_the_server_was_stopped_before_the_machine(
    path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(sqlite_file, "BOOT_ID", boot)
    first, second = (SqliteStore(path, durability="normal") for _ in range(2))
    boot.write_text("a")
    run(first.start())
    position = run(fill(first, "lobby", 3))
    run(first.stop())
    boot.write_text("b")
    run(second.start())
    assert run(second.open("lobby", now=NOW)) == position
    run(second.stop())
