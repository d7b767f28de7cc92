from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..plugins.recording.moody import MoodyStore, offer_moody_store
from .sharing import Servers


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MoodyStore:
    """The store that ``servers`` share."""
    return offer_moody_store(monkeypatch)


@pytest.fixture
def servers(store: MoodyStore) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)
