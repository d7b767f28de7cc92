import asyncio

import pytest
from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.guests import GUEST_KEY
from hubbub.core.testing import ClientForTests, HubForTests


class Members(Plugin[PluginConfig]):
    """Knows members by their token, and leaves everyone else to come in as a guest."""

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return Identity(handshake.token) if handshake.token else None


def connect_as(hub: HubForTests, user: str, **query: str) -> ClientForTests:
    """Connect as a stranger does who types this name into the URL."""
    return hub.connect(query={"user": user, **query})


def test_nobody_gets_the_name_of_a_guest_who_is_online() -> None:
    with HubForTests() as hub:
        alice = connect_as(hub, "alice")
        impostor = connect_as(hub, "alice")
        assert impostor.close_code == 4009
        assert impostor.close_reason.startswith("The name 'alice' is taken by somebody online: choose another one")
        assert impostor.events == []
        alice.close()
        assert connect_as(hub, "alice").close_code is None


def test_a_guest_who_shows_the_key_comes_in_under_the_same_name_again() -> None:
    with HubForTests() as hub:
        key = connect_as(hub, "alice").receive("system", event="welcome")[GUEST_KEY]
        assert connect_as(hub, "alice", guest_key=key).close_code is None
        assert len(hub.manager.users["alice"]) == 2


@pytest.mark.parametrize("key", ["", "0" * 32, "\ud800", "ключ"])
def test_a_wrong_key_opens_nothing(key: str) -> None:
    with HubForTests() as hub:
        connect_as(hub, "alice")
        assert connect_as(hub, "alice", guest_key=key).close_code == 4009


def test_a_key_is_for_one_name_on_one_server() -> None:
    with HubForTests() as first, HubForTests() as second:
        key = connect_as(first, "alice").receive("system", event="welcome")[GUEST_KEY]
        connect_as(first, "bob")
        connect_as(second, "alice")
        assert connect_as(first, "bob", guest_key=key).close_code == 4009
        assert connect_as(second, "alice", guest_key=key).close_code == 4009


def test_the_config_can_let_guests_share_their_names() -> None:
    with HubForTests(server={"guest_names": "shared"}) as hub:
        assert connect_as(hub, "alice").close_code is None
        assert connect_as(hub, "alice").close_code is None


def test_the_name_is_asked_for_again_after_what_takes_time() -> None:
    class Slow(Plugin[PluginConfig]):
        @hookimpl
        async def check_connect(self) -> None:
            await asyncio.sleep(1)

    with HubForTests({"slow": {}}, plugins={"slow": Slow}) as hub:
        first, second = connect_as(hub, "alice"), connect_as(hub, "alice")
        hub.advance(2)
        assert sorted([first.close_code or 0, second.close_code or 0]) == [0, 4009]


def test_a_token_that_no_plugin_knows_makes_no_guest() -> None:
    class Strict(Members):
        @hookimpl
        def authenticate(self, handshake: Handshake) -> Identity | None:
            return Identity("alice") if handshake.token == "sesame" else None

    with HubForTests({"members": {}}, plugins={"members": Strict}) as hub:
        assert hub.connect(query={"token": "sesame"}).connection.user == "alice"
        assert hub.connect(query={"token": "other"}).close_code == 4001
        assert hub.connect().connection.identity.is_guest


def test_a_guest_gets_no_name_that_is_a_members_to_have() -> None:
    with HubForTests({"members": {}}, plugins={"members": Members}) as hub:
        guest = connect_as(hub, "alice")
        assert guest.connection.user != "alice"
        assert guest.connection.identity.is_guest


def test_a_member_has_no_guest_key_and_may_have_several_connections() -> None:
    with HubForTests({"members": {}}, plugins={"members": Members}) as hub:
        for _ in range(2):
            alice = hub.connect(query={"token": "alice"})
            assert GUEST_KEY not in alice.receive("system", event="welcome")
            assert alice.close_code is None


def test_a_guest_does_not_come_back_beside_the_member_whose_name_it_had() -> None:
    with HubForTests({"members": {}}, plugins={"members": Members}) as hub:
        guest = hub.connect()
        welcome = guest.receive("system", event="welcome")
        name, key = welcome["user"], welcome[GUEST_KEY]
        member = hub.connect(query={"token": name})
        assert connect_as(hub, name, guest_key=key).close_code == 4009
        member.close()
        assert connect_as(hub, name, guest_key=key).connection.user == name


def test_a_key_of_a_chosen_name_opens_nothing_once_names_are_given() -> None:
    server = {"secret": "s" * 32}
    with HubForTests(server=server) as hub:
        key = connect_as(hub, "alice").receive("system", event="welcome")[GUEST_KEY]
    with HubForTests({"members": {}}, plugins={"members": Members}, server=server) as hub:
        assert connect_as(hub, "alice", guest_key=key).connection.user != "alice"


def test_a_guest_goes_when_the_member_comes_whose_name_it_has() -> None:
    with HubForTests({"members": {}}, plugins={"members": Members}) as hub:
        guest = hub.connect()
        name = guest.connection.user
        member = hub.connect(query={"token": name})
        assert guest.close_code == 4009
        assert member.close_code is None
        assert [each.identity.kind for each in hub.manager.users[name].values()] == ["user"]
