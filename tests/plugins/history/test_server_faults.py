"""What becomes of a store when its server is away, whichever that is, and what is true when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hubbub.plugins.history.store import Store, StoreUnavailable

from .conftest import Run
from .filling import NOW, Publisher, fill, publish_until, until_it_works
from .new_stores import StoreServer, new_store_in
from .servers import JetStream, Postgres, Redis

JETSTREAM = pytest.param(JetStream, marks=pytest.mark.alone)
NAMES = {Postgres: "PostgreSQL", Redis: "Redis", JetStream: "NATS"}


@pytest.fixture(scope="module", params=[Postgres, Redis, JETSTREAM])
def server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    server: StoreServer = request.param()
    yield server
    server.remove()


@pytest.fixture
def store(server: StoreServer, run: Run) -> Iterator[Store]:
    store = new_store_in(server)()
    run(store.start())
    yield store
    run(store.stop())


def test_a_server_that_was_stopped_is_unavailable_until_it_is_started_again(
    store: Store, server: StoreServer, run: Run
) -> None:
    position = run(fill(store, "lobby", 2, keys=[None, "alice 1"]))
    server.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=rf"{NAMES[type(server)]} at .* cannot be used"):
            run(store.read("lobby", 0, 10))
    with pytest.raises(StoreUnavailable):
        run(fill(store, "lobby", 1))
    server.start()
    run(until_it_works(store))
    assert run(store.open("lobby", now=NOW)) == position
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 2
    assert run(fill(store, "lobby", 1)).last == 3


def test_a_server_that_is_killed_has_each_append_as_a_whole_or_not_and_everything_that_was_answered(
    store: Store, server: StoreServer, run: Run
) -> None:
    publishers = [Publisher(store, f"room-{number}") for number in range(20)]

    async def crash() -> None:
        tasks = await publish_until(publishers, sum(each.promised for each in publishers) + 500)
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*tasks)
        await asyncio.to_thread(server.start)
        await until_it_works(store)
        for publisher in publishers:
            await publisher.resume()

    for _ in range(3):
        run(crash())
    assert sum(publisher.promised for publisher in publishers) >= 1500
