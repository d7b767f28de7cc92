"""What becomes of the store in PostgreSQL when that is away, and what is true when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.store import Store, StoreUnavailable

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored, until_it_works
from .servers import Postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def store(postgres_url: str, run: Run) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    run(store.start())
    yield store
    run(store.stop())


def test_a_server_that_was_started_again_while_nobody_asked_is_not_noticed(
    store: Store, postgres: Postgres, run: Run
) -> None:
    run(fill(store, "lobby", 2))
    postgres.stop()
    postgres.start()
    assert run(store.read("lobby", 0, 10)) == stored(1, 2)


def test_a_server_that_does_not_answer_is_unavailable_after_a_while_and_the_event_loop_goes_on(
    postgres_url: str, postgres: Postgres, run: Run
) -> None:
    store = PostgresStore(postgres_url, timeout=0.3)

    async def freeze() -> None:
        await store.start()
        position = await fill(store, "lobby", 2)
        postgres.freeze()
        try:
            append = asyncio.ensure_future(
                store.append("lobby", position.epoch, 3, [event(3)], keys=[None], time=NOW, retention=KEEP_ALL)
            )
            turns = 0
            while not append.done():
                turns += 1
                await asyncio.sleep(0.001)
            assert turns > 50
            with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 seconds"):
                await append
            with pytest.raises(StoreUnavailable):
                await store.open("lobby", now=NOW)
        finally:
            postgres.unfreeze()
        await until_it_works(store)
        position = await store.open("lobby", now=NOW)
        assert position.last in (2, 3)
        assert (await fill(store, "lobby", 1)).last == position.last + 1
        await store.stop()

    run(freeze())


def test_opening_a_room_after_a_failed_append_waits_for_what_the_server_may_still_commit(
    postgres_url: str, run: Run
) -> None:
    store = PostgresStore(postgres_url, timeout=1)

    async def lose_the_answer() -> None:
        await store.start()
        position = await store.open("lobby", now=NOW)
        async with await psycopg.AsyncConnection.connect(postgres_url) as other:
            await other.execute("SELECT FROM hubbub_history_rooms WHERE name = 'lobby' FOR UPDATE")
            with pytest.raises(StoreUnavailable):
                await store.append(
                    "lobby", position.epoch, 1, [event(1)], keys=[None], time=NOW, retention=KEEP_ALL
                )
            # From here on it plays the server's side of that append.
            await other.execute(
                "INSERT INTO hubbub_history_events SELECT id, 1, 0, %b FROM hubbub_history_rooms", (event(1),)
            )
            await other.execute("UPDATE hubbub_history_rooms SET last = 1")
            while True:
                opening = asyncio.ensure_future(store.open("lobby", now=NOW))
                done, _ = await asyncio.wait((opening,), timeout=0.2)
                if not done:
                    break
                assert isinstance(opening.exception(), StoreUnavailable)  # Too early to try again.
            await other.commit()
            assert (await opening).last == 1
        assert await store.read("lobby", 0, 10) == stored(1)
        await store.stop()

    run(lose_the_answer())


def test_a_caller_that_goes_away_leaves_no_broken_connection_behind(
    store: Store, postgres_url: str, run: Run
) -> None:
    async def cancel_many() -> None:
        await fill(store, "lobby", 100)
        for turns in range(30):
            reading = asyncio.ensure_future(store.read("lobby", 0, 100))
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait((reading,))
        assert await store.read("lobby", 98, 100) == stored(99, 100)

    run(cancel_many())
    with psycopg.connect(postgres_url) as connection:
        counting = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        found = connection.execute(counting).fetchone()
        assert found is not None
        assert int(found[0]) <= 5
