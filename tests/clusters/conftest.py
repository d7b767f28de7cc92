from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hubbub.plugins.history import stores

from ..plugins.recording.moody import MoodyStore
from .sharing import Servers


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MoodyStore:
    """The store that ``servers`` share."""
    store = MoodyStore()
    monkeypatch.setitem(stores.STORES, "moody", lambda _: store)  # pyright: ignore[reportArgumentType] # it is a dict
    return store


@pytest.fixture
def servers(store: MoodyStore) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)
