from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pytest
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Store

from .new_stores import NewStore, StoreServer, name_of_new_stream, new_store_in, url_of_new_schema
from .servers import JetStream, Postgres, Redis, send

T = TypeVar("T")
AnyStore = TypeVar("AnyStore", bound=Store)


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
def redis_store(redis: Redis, run: Run) -> Iterator[RedisStore]:
    """One that has the Redis for itself, in which nothing is yet."""
    send(redis, "FLUSHALL")
    yield from _started(RedisStore(redis.url), run)


@pytest.fixture
def stream() -> str:
    """The name of a stream that is not there yet."""
    return name_of_new_stream()


@pytest.fixture
def jetstream_store(jetstream: JetStream, stream: str, run: Run) -> Iterator[JetStreamStore]:
    yield from _started(JetStreamStore(jetstream.url, stream=stream), run)


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A PostgreSQL in which nothing is yet."""
    return url_of_new_schema(postgres)


@pytest.fixture(params=["sqlite", "postgres", "redis", "jetstream"])
def new_lasting_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    """Makes a store whose data outlives it."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "history.db", durability="normal")
    return new_store_in(cast(StoreServer, request.getfixturevalue(request.param)))


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
    else:
        server = cast(StoreServer, request.getfixturevalue(request.param))
        yield from _started(new_store_in(server)(), run)


def _started(store: AnyStore, run: Run) -> Iterator[AnyStore]:
    run(store.start())
    yield store
    run(store.stop())
