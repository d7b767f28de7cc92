"""The stores by the name that they have in the config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...core import PluginError
from .memory import MemoryStore
from .store import Store

if TYPE_CHECKING:
    from .plugin import HistoryConfig


def _memory(_: HistoryConfig) -> Store:
    return MemoryStore()


def _sqlite(config: HistoryConfig) -> Store:
    from .sqlite import SqliteStore

    return SqliteStore(config.path, durability=config.durability)


STORES: Mapping[str, Callable[[HistoryConfig], Store]] = {"memory": _memory, "sqlite": _sqlite}


def make_store(config: HistoryConfig) -> Store:
    """The store that the config names. Raise `PluginError` where it cannot be."""
    make = STORES.get(config.store)
    if make is None:
        raise PluginError(f"there is no store {config.store!r}; there are: {', '.join(STORES)}")
    return make(config)
