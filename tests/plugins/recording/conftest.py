import pytest
from hubbub.core.testing import HubForTests

from .moody import MoodyStore, Start, offer_moody_store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MoodyStore:
    return offer_moody_store(monkeypatch)


@pytest.fixture
def start(store: MoodyStore) -> Start:
    """Makes a server over ``store``; a second one is the first after a restart."""

    def start(**options: object) -> HubForTests:
        return HubForTests({"chat": {}, "history": {"store": "moody", **options}})

    return start
