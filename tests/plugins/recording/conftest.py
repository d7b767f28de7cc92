import pytest
from hubbub.core.testing import HubForTests
from hubbub.plugins.history import stores

from .moody import MoodyStore, Start


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MoodyStore:
    store = MoodyStore()
    monkeypatch.setitem(stores.STORES, "moody", lambda _: store)  # pyright: ignore[reportArgumentType] # it is a dict
    return store


@pytest.fixture
def start(store: MoodyStore) -> Start:
    """Makes a server over ``store``; a second one is the first after a restart."""

    def start(**options: object) -> HubForTests:
        return HubForTests({"chat": {}, "history": {"store": "moody", **options}})

    return start
