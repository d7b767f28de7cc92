"""The store in PostgreSQL: its versions, and what it says."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import psycopg
import pytest
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.postgres_schema import MIGRATIONS, migrate
from hubbub.plugins.history.store import Position, StoreUnavailable, StoreUnusable

from .conftest import Run
from .filling import NOW, fill, stored

VERSION_1: LiteralString = """
CREATE TABLE hubbub_history_meta (version integer NOT NULL, touched bigint NOT NULL DEFAULT 0);
CREATE TABLE hubbub_history_rooms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    epoch text NOT NULL,
    last bigint NOT NULL,
    time double precision NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE hubbub_history_events (
    room bigint NOT NULL,
    seq bigint NOT NULL,
    time double precision NOT NULL,
    event bytea NOT NULL,
    PRIMARY KEY (room, seq)
);
CREATE TABLE hubbub_history_keys (
    room bigint NOT NULL,
    key bytea NOT NULL,
    seq bigint NOT NULL,
    expires double precision NOT NULL,
    PRIMARY KEY (room, key)
);
CREATE INDEX hubbub_history_keys_by_expiry ON hubbub_history_keys (expires);
INSERT INTO hubbub_history_meta VALUES (1, 0);
INSERT INTO hubbub_history_rooms (name, epoch, last, time) VALUES ('lobby', 'an epoch', 3, 1800000000);
INSERT INTO hubbub_history_events VALUES
    (1, 2, 1800000000, '{"type":"message","content":2}'),
    (1, 3, 1800000000, '{"type":"message","content":3}');
INSERT INTO hubbub_history_keys VALUES (1, 'alice 1', 3, 1800000300);
"""
"""The tables as the first version made them. This stays as it is, whatever comes."""


def query(url: str, sql: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_tables_of_the_first_version_are_read_and_go_on(postgres_url: str, run: Run) -> None:
    query(postgres_url, VERSION_1)
    store = PostgresStore(postgres_url)
    run(store.start())
    assert run(store.open("lobby", now=NOW)) == Position("an epoch", 2, 3)
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 3
    assert run(fill(store, "lobby", 1)).last == 4
    assert run(store.read("lobby", 0, 10)) == stored(2, 3, 4)
    run(store.stop())


def test_a_migration_leads_from_the_version_of_the_tables_to_the_newest(postgres_url: str, run: Run) -> None:
    query(postgres_url, VERSION_1)

    async def migrate_twice() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            for _ in range(2):
                await migrate(
                    connection, [*MIGRATIONS, ("CREATE TABLE second (a int)", "INSERT INTO second VALUES (2)")]
                )

    run(migrate_twice())
    assert query(postgres_url, "SELECT a FROM second") == [(2,)]
    assert query(postgres_url, "SELECT version FROM hubbub_history_meta") == [(len(MIGRATIONS) + 1,)]


def test_a_migration_that_fails_changes_nothing(postgres_url: str, run: Run) -> None:
    query(postgres_url, VERSION_1)

    async def migrate_badly() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            await migrate(connection, [*MIGRATIONS, ("CREATE TABLE second (a int)", "no SQL at all")])

    with pytest.raises(psycopg.errors.SyntaxError):
        run(migrate_badly())
    assert query(postgres_url, "SELECT to_regclass('second')") == [(None,)]
    assert query(postgres_url, "SELECT version FROM hubbub_history_meta") == [(1,)]


def test_tables_of_a_newer_version_are_refused_and_left_alone(postgres_url: str, run: Run) -> None:
    query(postgres_url, VERSION_1)
    query(postgres_url, "UPDATE hubbub_history_meta SET version = 99")
    store = PostgresStore(postgres_url)
    with pytest.raises(StoreUnusable, match=r"its version is 99, and this one knows up to \d+\. Upgrade Hubbub"):
        run(store.start())
    run(store.stop())
    assert query(postgres_url, "SELECT version FROM hubbub_history_meta") == [(99,)]


def test_servers_that_start_at_the_same_time_make_the_tables_once(postgres_url: str, run: Run) -> None:
    async def start_all() -> None:
        stores = [PostgresStore(postgres_url) for _ in range(4)]
        await asyncio.gather(*(store.start() for store in stores))
        assert len({(await store.open("lobby", now=NOW)).epoch for store in stores}) == 1
        for store in stores:
            await store.stop()

    run(start_all())


def test_tables_that_were_dropped_are_made_anew(postgres_url: str, run: Run) -> None:
    store = PostgresStore(postgres_url)
    run(store.start())
    position = run(fill(store, "lobby", 3))
    for table in ("meta", "rooms", "events", "keys"):
        query(postgres_url, f"DROP TABLE hubbub_history_{table}")
    with pytest.raises(StoreUnavailable, match="does not exist"):
        run(store.open("lobby", now=NOW))

    async def reopen() -> Position:
        while True:
            try:
                return await store.open("lobby", now=NOW)
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    again = run(reopen())
    assert again.epoch != position.epoch
    assert again.last == 0
    run(store.stop())


@pytest.mark.parametrize(
    "url", ["hubbub:pa55word@db", "postgresql://hubbub:pa55word@[::1/x", "password=pa55word x"]
)
def test_a_url_that_is_none_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="write postgresql://user:password@host") as caught:
        PostgresStore(url)
    assert "pa55word" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_named_without_the_password(run: Run) -> None:
    store = PostgresStore("postgresql://hubbub:pa55word@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailable, match=r"PostgreSQL at 127\.0\.0\.1 cannot be used: .* refused") as caught:
        run(store.start())
    assert "pa55word" not in str(caught.value)
    run(store.stop())
