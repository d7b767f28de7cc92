"""The store is killed while the server lives: clients are told, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..plugins.history.servers import JetStream, Postgres, Redis, Server
from .crowd import Crowd
from .killing import Outages, RestartedServer, take_the_store_away_again_and_again

KILLS = 2


@pytest.fixture(params=[Postgres, Redis, JetStream])
def store(request: pytest.FixtureRequest) -> Iterator[Postgres | Redis | JetStream]:
    """One that keeps what it has promised when it is killed."""
    server: Postgres | Redis | JetStream = request.param()
    yield server
    server.remove()


async def kill_under_load(server: RestartedServer, store: Server) -> Outages:
    async with Crowd(server.url, rooms=2, members=4) as crowd:
        return await take_the_store_away_again_and_again(crowd, server, KILLS, kill=store.kill, start=store.start)


@pytest.mark.timeout(180)
def test_a_store_that_is_killed_again_and_again_costs_nothing_that_was_acknowledged(
    tmp_path: Path, store: Postgres | Redis | JetStream
) -> None:
    history = {"store": type(store).__name__.lower(), "url": store.url}
    server = RestartedServer(tmp_path, history)
    try:
        outages = asyncio.run(kill_under_load(server, store))
    finally:
        server.now.stop()
    assert outages.judgement.faults == []
    assert outages.judgement.acknowledged >= KILLS * 100
