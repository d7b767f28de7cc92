"""The stores by the name that they have in the config."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...core import PluginError
from .memory import MemoryStore
from .store import Store

if TYPE_CHECKING:
    from .plugin import HistoryConfig

URLS = {
    "postgres": "postgresql://user:password@host:5432/database",
    "redis": "redis://user:password@host:6379/0",
    "jetstream": "nats://user:password@host:4222",
}
"""What a `url` looks like, for those stores that need one."""

TIMEOUT = 3.0
"""Seconds that a store may take to answer: less than `server.hook_timeout`, so that who publishes is told that the
store is away, and not that a plugin failed."""


def _memory(_: HistoryConfig) -> Store:
    return MemoryStore()


def _sqlite(config: HistoryConfig) -> Store:
    from .sqlite import SqliteStore

    return SqliteStore(config.path, durability=config.durability)


def _postgres(config: HistoryConfig) -> Store:
    url = _url(config)
    with _extra("postgres"):
        from .postgres import PostgresStore
    return PostgresStore(url, timeout=TIMEOUT)


def _redis(config: HistoryConfig) -> Store:
    url = _url(config)
    with _extra("redis"):
        from .redis import RedisStore
    return RedisStore(url, config.redis, timeout=TIMEOUT)


def _jetstream(config: HistoryConfig) -> Store:
    url = _url(config)
    with _extra("jetstream", "nats"):
        from .jetstream import JetStreamStore
    return JetStreamStore(url, timeout=TIMEOUT, **dict(config.jetstream))


STORES: Mapping[str, Callable[[HistoryConfig], Store]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgres": _postgres,
    "redis": _redis,
    "jetstream": _jetstream,
}


def make_store(config: HistoryConfig) -> Store:
    """The store that the config names. Raise `PluginError` where it cannot be."""
    try:
        return STORES[config.store](config)
    except ValueError as error:
        raise PluginError(str(error)) from None


def _url(config: HistoryConfig) -> str:
    assert config.url is not None  # The config is refused without it.
    return config.url.get_secret_value()


@contextmanager
def _extra(store: str, extra: str | None = None) -> Generator[None]:
    """Import what an extra of the package brings, which is named as the store where nothing else is said."""
    try:
        yield
    except ImportError as error:
        raise PluginError(
            f'the store {store!r} needs what is not installed: pip install "hubbub[{extra or store}]" ({error})'
        ) from None
