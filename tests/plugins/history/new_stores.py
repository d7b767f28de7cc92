"""Stores in a part of a server where nothing is yet."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import psycopg
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.postgres import PostgresStore
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.store import Store

from .servers import JetStream, Postgres, Redis

StoreServer = Postgres | Redis | JetStream

NewStore = Callable[[], Store]
"""Makes one more store with the same data."""

_numbers = count(1)


def new_store_in(server: StoreServer) -> NewStore:
    """Stores that have nothing yet, and what one of them gets."""
    match server:
        case Postgres():
            url = url_of_new_schema(server)
            return lambda: PostgresStore(url)
        case Redis():
            prefix = f"test-{next(_numbers)}:"
            return lambda: RedisStore(server.url, prefix=prefix)
        case JetStream():
            stream = name_of_new_stream()
            return lambda: JetStreamStore(server.url, stream=stream)


def url_of_new_schema(postgres: Postgres) -> str:
    schema = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return f"{postgres.url}&options=-csearch_path%3D{schema}"


def name_of_new_stream() -> str:
    return f"test-{next(_numbers)}"
