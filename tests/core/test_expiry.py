import gc
import weakref
from datetime import UTC, datetime, timedelta

import pytest
from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.expiry import EXPIRED, LONGEST
from hubbub.core.testing import HubForTests


class Tickets(Plugin[PluginConfig]):
    """A token is the number of seconds for which it is good; ``x`` is good for ever."""

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity:
        seconds = handshake.token or "x"
        expires = None if seconds == "x" else datetime.now(UTC) + timedelta(seconds=float(seconds))
        return Identity("ali", expires=expires)


@pytest.fixture
def hub() -> HubForTests:
    return HubForTests({"tickets": {}, "chat": {}}, plugins={"tickets": Tickets})


def test_a_connection_ends_with_its_credentials(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect(query={"token": "60"})
        assert datetime.fromisoformat(ali.receive("system", event="welcome")["expires"]) > datetime.now(UTC)
        hub.advance(59)
        assert ali.close_code is None
        hub.advance(2)
        assert (ali.close_code, ali.close_reason) == (4001, EXPIRED)


def test_credentials_that_have_expired_already_let_nobody_stay(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect(query={"token": "-1"})
        assert ali.close_code == 4001


def test_credentials_without_an_end_are_good_for_ever(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect()
        assert "expires" not in ali.receive("system", event="welcome")
        hub.advance(10**9)
        assert ali.close_code is None


def test_a_refresh_moves_the_end(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect(query={"token": "60"})
        hub.advance(50)
        ali.send({"type": "refresh", "token": "60", "id": "1"})
        news = ali.receive("system", event="refreshed")
        assert news["message"].startswith("Your credentials are good until ")
        assert news["message"].endswith(" UTC.")
        assert ali.receive("ack")["id"] == "1"
        hub.advance(50)
        assert ali.close_code is None
        hub.advance(11)
        assert ali.close_code == 4001


def test_a_refresh_can_make_the_end_come_sooner_or_never(hub: HubForTests) -> None:
    with hub:
        sooner, never = hub.connect(query={"token": "600"}), hub.connect(query={"token": "60"})
        sooner.send({"type": "refresh", "token": "5"})
        never.send({"type": "refresh", "token": "x"})
        assert never.receive("system", event="refreshed")["message"] == "Your credentials are good."
        hub.advance(61)
        assert (sooner.close_code, never.close_code) == (4001, None)


def test_an_end_that_is_far_away_is_kept_too(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect(query={"token": str(LONGEST * 2.5)})
        hub.advance(LONGEST * 1.5)
        assert ali.close_code is None


def test_nothing_is_kept_of_a_connection_that_has_ended(hub: HubForTests) -> None:
    with hub:
        ali = hub.connect(query={"token": "600"})
        connection = weakref.ref(ali.connection)
        ali.close()
        gc.collect()
        assert connection() is None
