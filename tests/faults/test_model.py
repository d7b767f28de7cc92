"""Any course of events on virtual time, over every store, against a model of what people are promised."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import ClassVar, cast

import psycopg
import pytest
from hubbub.core import loader
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.history import stores
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Store
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from ..plugins.history.servers import Postgres, Redis
from .distant_store import DistantStore, Network, OwnThread
from .machine import HistoryMachine
from .model import Place

numbers = count(1)
SLOW: list[dict[str, float]] = [
    {"seconds_there": 0.3},
    {"seconds_back": 0.3},
    {"seconds_there": 3.0, "seconds_back": 3.0},
    {"seconds_there": 8.0, "has_fast_lane": True},
    {"seconds_back": 8.0, "has_fast_lane": True},
]

NewStore = Callable[[], Store]
"""Makes one more store with the same data."""


class VirtualMachine(HistoryMachine):
    """Servers in memory, one after the other, at a store that may be slow or away."""

    begin_store: ClassVar[Callable[[Path], NewStore]]
    """Makes an empty store, in a folder if it needs one."""
    store_has_sockets: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.folder = Path(tempfile.mkdtemp(prefix="hubbub-"))
        self.new_store = type(self).begin_store(self.folder)
        self.hub: HubForTests | None = None
        self.options: Mapping[str, object] = {}
        self.well_since = 0.0

    # The server

    def start(self, options: Mapping[str, object]) -> None:
        self.options = options
        cast("dict[str, object]", stores.STORES)["distant"] = self.make_store
        self.hub = HubForTests({"chat": {}, "history": {"store": "distant", **options}})
        self.hub.__enter__()
        self.well_since = self.now()

    def make_store(self, config: object) -> Store:
        return DistantStore(self.new_store(), self.network, OwnThread() if self.store_has_sockets else None)

    @property
    def server(self) -> HubForTests:
        assert self.hub is not None
        return self.hub

    def now(self) -> float:
        return self.server.loop.time()

    def connect(self, user: str, room: str, place: Place | None) -> ClientForTests:
        query = {} if place is None else {"epoch": place.epoch, "since": str(place.since)}
        return self.server.connect(user, room, query=query)

    def wait_for_quiet(self) -> None:
        self.set_network()
        self.server.advance(60)
        self.note_excuses()

    def end(self) -> None:
        if self.hub is not None:
            self.stop()
        shutil.rmtree(self.folder)

    def stop(self) -> None:
        server = self.server
        server.run(server.hub.stop())
        self.cancel_everything()  # Whoever waits for the store does so no longer.
        server.loop.close()

    def cancel_everything(self) -> None:
        for task in asyncio.all_tasks(self.server.loop):
            task.cancel()
        self.server.settle()

    # What happens

    def note_excuses(self) -> None:
        is_well = self.network.is_well and self.now() - self.well_since > 30
        for person in self.people.values():
            person.must_be_told = is_well

    def set_network(self, **changes: float) -> None:
        if not self.network.is_well:
            self.well_since = self.now()
        vars(self.network).update(vars(Network()) | changes)
        self.note_excuses()

    @rule(changes=st.sampled_from([{}, {}, {"is_cut": True}, {"loses_answers": True}, *SLOW]))
    def change_the_network(self, changes: dict[str, float]) -> None:
        self.set_network(**changes)

    @rule(seconds=st.sampled_from([0.02, 0.2, 1.0, 5.2, 20.0]))
    def wait(self, seconds: float) -> None:
        self.server.advance(seconds)
        self.note_excuses()

    @rule()
    def wait_until_ids_are_forgotten(self) -> None:
        self.wait(400.0)

    @rule()
    def restart(self) -> None:
        self.stop()
        self.lose_everybody()
        self.start(self.options)

    @rule()
    def crash(self) -> None:
        """End in the middle of everything: what was on its way to the store may have got there or not."""
        self.cancel_everything()
        self.stop()
        self.lose_everybody()
        self.start(self.options)


def begin_memory(folder: Path) -> NewStore:
    store = MemoryStore()
    return lambda: store


def begin_sqlite(folder: Path) -> NewStore:
    return lambda: SqliteStore(folder / "history.sqlite", durability="normal")


def begin_postgres(server: Postgres) -> NewStore:
    schema = f"test_{next(numbers)}"
    with psycopg.connect(server.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return lambda: PostgresStore(f"{server.url}&options=-csearch_path%3D{schema}", connections=1)


def begin_redis(server: Redis) -> NewStore:
    prefix = f"test-{next(numbers)}:"
    return lambda: RedisStore(server.url, prefix=prefix, connections=1)


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def no_logs() -> Iterator[None]:
    """A store that is away again and again fills logs that nobody reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def known_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed stays so: looking for it takes most of the time that a start takes."""
    monkeypatch.setattr(loader, "installed_plugins", cache(loader.installed_plugins))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


def check(begin: Callable[[Path], NewStore], *, examples: int, has_sockets: bool = False) -> None:
    attributes = {"begin_store": staticmethod(begin), "store_has_sockets": has_sockets}
    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
        type("Machine", (VirtualMachine,), attributes),
        settings=settings(max_examples=examples, stateful_step_count=40),
    )


def test_nothing_that_was_acknowledged_is_lost_or_doubled_in_memory() -> None:
    check(begin_memory, examples=50)


def test_nothing_that_was_acknowledged_is_lost_or_doubled_in_sqlite() -> None:
    check(begin_sqlite, examples=20)


def test_nothing_that_was_acknowledged_is_lost_or_doubled_in_postgres(postgres: Postgres) -> None:
    check(lambda _: begin_postgres(postgres), examples=10, has_sockets=True)


def test_nothing_that_was_acknowledged_is_lost_or_doubled_in_redis(redis: Redis) -> None:
    check(lambda _: begin_redis(redis), examples=10, has_sockets=True)
