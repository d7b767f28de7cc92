"""What becomes of the store in Redis when that is away, and what is true when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.store import Conflict, Position, StoreUnavailable

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored, until_it_works
from .hanging_up import hanging_up
from .servers import Redis, send


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


@pytest.fixture
def store(redis_store: RedisStore) -> RedisStore:
    return redis_store


def test_an_append_that_a_frozen_server_makes_after_its_time_is_found_out(redis: Redis, run: Run) -> None:
    store = RedisStore(redis.url, timeout=0.2)

    async def freeze() -> None:
        await store.start()
        position = await fill(store, "lobby", 2)
        redis.freeze()
        try:
            append = asyncio.ensure_future(
                store.append("lobby", position.epoch, 3, [event(3)], keys=[None], time=NOW, retention=KEEP_ALL)
            )
            turns = 0
            while not append.done():
                turns += 1
                await asyncio.sleep(0.001)
            assert turns > 50
            with pytest.raises(StoreUnavailable):
                await append
        finally:
            redis.unfreeze()
        await until_it_works(store)
        # It reads all that it was sent, if not in this order.
        while await store.read_back("lobby", None, 1) != stored(3):
            pass
        with pytest.raises(Conflict):
            await store.append("lobby", position.epoch, 3, [b""], keys=[None], time=NOW, retention=KEEP_ALL)
        assert (await store.open("lobby", now=NOW)).last == 3
        await store.stop()

    run(freeze())


def test_a_redis_that_lost_the_newest_events_is_found_out_and_gets_a_new_epoch(
    store: RedisStore, redis: Redis, run: Run
) -> None:
    """As one that fails over to a replica which was behind: here a snapshot of the room takes its place."""
    run(fill(store, "lobby", 2))
    names = [f"hubbub:history:{{lobby}}:{part}" for part in ("room", "events")]
    for name in names:
        send(redis, "COPY", name, f"{name}.old")
    position = run(fill(store, "lobby", 3))
    for name in names:
        send(redis, "RENAME", f"{name}.old", name)
    with pytest.raises(Conflict, match="is at 2"):
        run(store.append("lobby", position.epoch, 6, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    behind = run(store.open("lobby", now=NOW))
    assert (behind.epoch, behind.last) == (position.epoch, 2)
    renewed = run(store.renew("lobby", position.epoch))
    assert renewed.epoch != position.epoch
    assert run(fill(store, "lobby", 1)) == Position(renewed.epoch, 1, 3)


def test_an_append_whose_answer_is_lost_is_not_made_a_second_time(
    store: RedisStore, redis: Redis, run: Run
) -> None:
    """Between the store and Redis is somebody who hangs up when something was stored."""

    async def lose_the_answer() -> None:
        connect = partial(asyncio.open_unix_connection, f"{redis.folder}/socket")
        async with hanging_up(connect, b"EVAL", b"stored") as port:
            between = RedisStore(f"redis://127.0.0.1:{port}")
            await between.start()
            with pytest.raises(StoreUnavailable):
                await between.append_next("lobby", event(1), key=None, time=NOW, retention=KEEP_ALL)
            await between.stop()
        assert await store.read("lobby", 0, 10) == stored(1)

    run(lose_the_answer())
