"""What an append outlives, which may differ from room to room."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from hubbub.core.testing import HubForTests
from hubbub.plugins.history import sqlite_file
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.sqlite_file import SqliteFile
from hubbub.plugins.history.store import Durability, Retention, Store

from .conftest import Run
from .filling import NOW, fill, stored
from .servers import Postgres


def keep(durability: Durability | None) -> Retention:
    return Retention(1000, durability=durability)


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that tells one start of the machine from the next."""
    boot = tmp_path / "boot_id"
    boot.write_text("first")
    monkeypatch.setattr(sqlite_file, "BOOT_ID", boot)
    return boot


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[Durability]:
    """How durable each transaction of an SQLite store was to be."""
    seen: list[Durability] = []
    transaction = SqliteFile.transaction

    def spied(file: SqliteFile, durability: Durability) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        seen.append(durability)
        return transaction(file, durability)

    monkeypatch.setattr(SqliteFile, "transaction", spied)
    return seen


@pytest.mark.parametrize("durability", ["full", "normal", None])
def test_every_store_takes_every_durability(store: Store, run: Run, durability: Durability | None) -> None:
    run(fill(store, "lobby", 3, retention=keep(durability)))
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3)


def test_a_file_is_synced_as_the_room_asks_or_else_as_the_store_was_made(
    tmp_path: Path, run: Run, commits: list[Durability]
) -> None:
    store = SqliteStore(tmp_path / "history.db", durability="full")
    expected: dict[Durability | None, Durability] = {"normal": "normal", "full": "full", None: "full"}
    for durability, committed in expected.items():
        run(fill(store, f"{durability}", 1, retention=keep(durability)))
        assert commits[-1] == committed
    run(store.stop())


def test_a_room_that_asks_for_more_gets_it_in_whichever_company(
    tmp_path: Path, run: Run, commits: list[Durability]
) -> None:
    store = SqliteStore(tmp_path / "history.db", durability="normal")

    async def append_together() -> None:
        rooms = {"safe": keep("full"), "quick": keep("normal")}
        positions = {room: await store.open(room, now=NOW) for room in rooms}
        commits.clear()
        await asyncio.gather(
            *(
                store.append(room, positions[room].epoch, 1, [b"{}"], keys=[None], time=NOW, retention=retention)
                for room, retention in rooms.items()
            )
        )

    run(append_together())
    assert commits == ["full"]
    run(store.stop())


@pytest.mark.parametrize(("durability", "is_renewed"), [("full", False), ("normal", True)])
def test_epochs_change_after_a_power_failure_where_any_room_was_not_synced(
    tmp_path: Path, run: Run, boot: Path, durability: Durability, is_renewed: bool
) -> None:
    path = tmp_path / "history.db"
    left, found = SqliteStore(path, durability="full"), SqliteStore(path, durability="full")
    run(left.start())
    position = run(fill(left, "lobby", 3, retention=keep(durability)))
    boot.write_text("second")
    run(found.start())
    assert (run(found.open("lobby", now=NOW)).epoch != position.epoch) == is_renewed
    run(found.stop())
    run(left.stop())


def test_another_process_that_ends_does_not_hide_that_this_one_has_not_synced(
    tmp_path: Path, run: Run, boot: Path
) -> None:
    path = tmp_path / "history.db"
    server, command, found = SqliteStore(path, durability="normal"), SqliteStore(path), SqliteStore(path)
    run(server.start())
    position = run(fill(server, "lobby", 3))
    run(command.start())
    run(command.stop())
    boot.write_text("second")
    run(found.start())
    assert run(found.open("lobby", now=NOW)).epoch != position.epoch
    run(found.stop())
    run(server.stop())


@pytest.mark.parametrize(("durability", "is_renewed"), [("full", False), ("normal", True)])
def test_epochs_change_once_where_postgresql_may_have_lost_what_it_had_taken(
    postgres: Postgres, postgres_url: str, run: Run, durability: Durability, is_renewed: bool
) -> None:
    stores = [PostgresStore(postgres_url) for _ in range(3)]
    position = run(fill(stores[0], "lobby", 3, retention=keep(durability)))
    run(stores[0].stop())
    postgres.kill()
    postgres.start()
    first, second = (run(store.open("lobby", now=NOW)) for store in stores[1:])
    assert (first.epoch != position.epoch) == is_renewed
    assert second == first
    for store in stores[1:]:
        run(store.stop())


def test_the_config_says_it_for_each_room_pattern(tmp_path: Path, commits: list[Durability]) -> None:
    history = {"store": "sqlite", "path": str(tmp_path / "history.db")}
    rooms = {"options": {"quick-*": {"plugins": {"history": {"durability": "normal"}}}}}
    with HubForTests({"chat": {}, "history": history}, rooms=rooms) as hub:
        for room, durability in (("lobby", "full"), ("quick-1", "normal")):
            alice = hub.connect("alice", room)
            alice.say("one", id="1")
            assert alice.receive("ack")["seq"] == 1
            assert commits[-1] == durability
