from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import psycopg
import pytest
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Store

from .servers import JetStream, Postgres, Redis

T = TypeVar("T")

NewStore = Callable[[], Store]
"""Makes one more store with the same data."""

numbers = count(1)


class Run(Protocol):
    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T: ...


@pytest.fixture
def run() -> Iterator[Run]:
    """Run something asynchronous to its end; not in uvloop, which may wait for clients that were cut off."""
    with asyncio.Runner() as runner:
        yield runner.run
        runner.run(_end_tasks())


async def _end_tasks() -> None:
    """Cancel what a test has left, again where a client swallows that: closing the loop would wait for ever."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for _ in range(10):
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1.0)
    pytest.fail(f"tasks that do not end: {left}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def jetstream() -> Iterator[JetStream]:
    server = JetStream()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A PostgreSQL in which nothing is yet."""
    schema = f"test_{next(numbers)}"
    with psycopg.connect(postgres.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return f"{postgres.url}&options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", "postgres", "redis", "jetstream"])
def new_lasting_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    """Makes a store whose data outlives it."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "history.db", durability="normal")
    if request.param == "postgres":
        url = cast(str, request.getfixturevalue("postgres_url"))
        return lambda: PostgresStore(url)
    if request.param == "jetstream":
        jetstream, stream = cast(JetStream, request.getfixturevalue("jetstream")), f"test-{next(numbers)}"
        return lambda: JetStreamStore(jetstream.url, stream=stream)
    redis, prefix = cast(Redis, request.getfixturevalue("redis")), f"test-{next(numbers)}:"
    return lambda: RedisStore(redis.url, prefix=prefix)


@pytest.fixture
def lasting_store(new_lasting_store: NewStore, run: Run) -> Iterator[Store]:
    yield from _started(new_lasting_store(), run)


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis", "jetstream"])
def store(request: pytest.FixtureRequest, tmp_path: Path, run: Run) -> Iterator[Store]:
    """Each of the stores, started and empty."""
    if request.param == "memory":
        yield from _started(MemoryStore(), run)
    elif request.param == "sqlite":
        yield from _started(SqliteStore(tmp_path / "history.db", durability="normal"), run)
    elif request.param == "postgres":
        yield from _started(PostgresStore(cast(str, request.getfixturevalue("postgres_url"))), run)
    elif request.param == "jetstream":
        jetstream = cast(JetStream, request.getfixturevalue("jetstream"))
        yield from _started(JetStreamStore(jetstream.url, stream=f"test-{next(numbers)}"), run)
    else:
        redis = cast(Redis, request.getfixturevalue("redis"))
        yield from _started(RedisStore(redis.url, prefix=f"test-{next(numbers)}:"), run)


def _started(store: Store, run: Run) -> Iterator[Store]:
    run(store.start())
    yield store
    run(store.stop())
