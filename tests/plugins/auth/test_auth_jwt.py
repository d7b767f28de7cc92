import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hubbub.core import PluginError
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.auth_jwt import AuthJwt

from .signing import ALGORITHMS, SECRET, as_written, key_for, sign


def hub_with(**options: object) -> HubForTests:
    """A server that takes tokens signed by `SECRET`, unless the options say otherwise."""
    whole = {"algorithms": ["HS256"], "key": SECRET, **options}
    return HubForTests({"chat": {}, "auth_jwt": whole}, plugins={"auth_jwt": AuthJwt})


def connect(hub: HubForTests, token: str | None, **query: str) -> ClientForTests:
    return hub.connect(query={**query, **({} if token is None else {"token": token})})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_signed_by_any_of_the_algorithms_lets_its_user_in(algorithm: str) -> None:
    with hub_with(algorithms=[algorithm], key=as_written(key_for(algorithm))) as hub:
        alice = connect(hub, sign(algorithm))
        assert alice.receive("system", event="welcome")["user"] == "alice"
        assert alice.connection.identity.kind == "user"


def test_the_token_may_come_by_header_and_by_subprotocol_as_well() -> None:
    with hub_with() as hub:
        for client in (
            hub.connect(headers={"authorization": f"Bearer {sign()}"}),
            hub.connect(headers={"authorization": f"bearer  {sign()} "}),
            hub.connect(subprotocols=("hubbub.v1.json", f"bearer.{sign()}")),
        ):
            assert client.connection.user == "alice"


def test_the_name_in_the_url_counts_for_nothing() -> None:
    with hub_with() as hub:
        assert connect(hub, sign(), user="root").connection.user == "alice"


def test_who_has_no_token_is_refused_with_4001_and_the_reason() -> None:
    with hub_with() as hub:
        stranger = hub.connect("alice")
        assert (stranger.close_code, stranger.close_reason) == (
            4001,
            "A token is required here, and none has come, as in ?token=… of the URL.",
        )
        assert not hub.manager.connections


def test_where_tokens_are_not_required_guests_come_in_but_bad_tokens_do_not() -> None:
    with hub_with(required=False) as hub:
        assert hub.connect("alice").connection.identity.is_guest
        assert connect(hub, "").close_code == 4001
        assert connect(hub, sign(exp=1)).close_code == 4001
        assert connect(hub, sign()).connection.identity.kind == "user"


def test_a_token_that_is_no_jwt_can_be_left_to_the_next_plugin() -> None:
    with hub_with(unknown_tokens="next", required=False) as hub:
        foreign = connect(hub, "hub_key")
        assert (foreign.close_code, "No authentication plugin" in foreign.close_reason) == (4001, True)
        assert connect(hub, "a.b.c").close_code == 4001


def test_groups_rights_and_claims_come_from_the_token() -> None:
    with hub_with() as hub:
        rooms = {"team-*": ["join", "publish"], "news": ["join", "raise_hands"]}
        identity = connect(hub, sign(groups=["staff", "ops"], rooms=rooms, plan="gold")).connection.identity
        assert identity.groups == {"staff", "ops"}
        assert identity.rooms == {"team-*": {"join", "publish"}, "news": {"join", "raise_hands"}}
        assert identity.claims["plan"] == "gold"
        assert "gold" not in repr(identity)


def test_a_list_of_rooms_means_every_right_to_them() -> None:
    with hub_with() as hub:
        identity = connect(hub, sign(rooms=["team-*"], groups="staff ops")).connection.identity
        assert identity.rooms == {"team-*": {"join", "publish", "presence", "history"}}
        assert identity.groups == {"staff", "ops"}


def test_claims_may_have_other_names_and_be_deeper_in_the_token() -> None:
    options = {
        "user_claim": "https://example.com/name",
        "groups_claim": "realm_access.roles",
        "rooms_claim": "hub.v1.rooms",
    }
    changes: dict[str, Any] = {
        "sub": None,
        "https://example.com/name": "zoe",
        "realm_access": {"roles": ["staff"]},
        "hub": {"v1": {"rooms": ["a"]}},
    }
    with hub_with(**options) as hub:
        identity = connect(hub, sign(**changes)).connection.identity
        assert (identity.user, identity.groups, set(identity.rooms)) == ("zoe", {"staff"}, {"a"})


def test_a_user_that_is_a_number_is_taken_as_text() -> None:
    with hub_with() as hub:
        assert connect(hub, sign(sub=42)).connection.user == "42"


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": True},
        {"sub": ["alice"]},
        {"sub": {"name": "alice"}},
        {"sub": 1.5},
        {"groups": [1]},
        {"groups": {"staff": True}},
        {"rooms": "team-*"},
        {"rooms": {"team-*": "join"}},
        {"rooms": {"team-*": [1]}},
        {"rooms": [1]},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": time.time() * 1000},
        {"iat": "now"},
        {"nbf": []},
        {"aud": 5},
        {"aud": [5]},
        {"iss": 5},
    ],
)
def test_claims_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with hub_with() as hub:
        refused = connect(hub, sign(**changes))
        assert refused.close_code == 4001
        assert refused.close_reason.startswith(("The token", "The rooms", "The groups", "One of the claims"))


@pytest.mark.parametrize("name", [" alice", "a" * 65, "a\nb"])
def test_a_name_that_nobody_may_have_is_refused_with_4003(name: str) -> None:
    with hub_with() as hub:
        assert connect(hub, sign(sub=name)).close_code == 4003


# Times


def test_an_expired_token_is_refused_and_says_so() -> None:
    with hub_with() as hub:
        late = connect(hub, sign(exp=time.time() - 11))
        assert (late.close_code, late.close_reason) == (4001, "The token has expired: come back with a new one.")


def test_the_leeway_holds_for_the_beginning_and_the_end() -> None:
    with hub_with(leeway=30) as hub:
        assert connect(hub, sign(exp=time.time() - 20)).close_code is None
        assert connect(hub, sign(nbf=time.time() + 20, iat=time.time() + 20)).close_code is None
    with hub_with(leeway=0) as hub:
        assert connect(hub, sign(exp=time.time() - 1)).close_code == 4001
        assert connect(hub, sign(nbf=time.time() + 60)).close_code == 4001
        assert connect(hub, sign(iat=time.time() + 60)).close_code == 4001


def test_a_connection_ends_with_its_token_and_the_leeway() -> None:
    with hub_with(leeway=10) as hub:
        alice = connect(hub, sign(exp=time.time() + 60))
        expires = datetime.fromisoformat(alice.receive("system", event="welcome")["expires"])
        assert 65 < (expires - datetime.now(UTC)).total_seconds() < 71
        hub.advance(60)
        assert alice.close_code is None
        hub.advance(11)
        assert alice.close_code == 4001


def test_a_token_without_an_end_is_good_for_ever_where_the_config_allows_it() -> None:
    with hub_with(require_expiry=False) as hub:
        alice = connect(hub, sign(exp=None))
        hub.advance(10**8)
        assert alice.close_code is None
        assert connect(hub, sign(exp=1)).close_code == 4001


# Refresh


def test_a_refresh_moves_the_end_and_the_new_rights_count_at_once() -> None:
    with hub_with(leeway=0) as hub:
        alice = connect(hub, sign(exp=time.time() + 60, groups=["staff"]))
        hub.advance(50)
        alice.send({"type": "refresh", "token": sign(exp=time.time() + 600, groups=["guests"]), "id": "1"})
        assert alice.receive("ack", id="1")
        assert alice.connection.identity.groups == {"guests"}
        hub.advance(500)
        assert alice.close_code is None
        hub.advance(101)
        assert alice.close_code == 4001


@pytest.mark.parametrize(
    ("token", "code"),
    [("no token", "unauthorized"), (sign(exp=1), "expired"), (sign(sub="bob"), "forbidden")],
)
def test_a_refresh_that_is_refused_changes_nothing(token: str, code: str) -> None:
    with hub_with() as hub:
        alice = connect(hub, sign(groups=["staff"]))
        alice.send({"type": "refresh", "token": token, "id": "1"})
        assert alice.receive("error", id="1")["code"] == code
        assert (alice.connection.user, alice.connection.identity.groups) == ("alice", {"staff"})
        alice.say("still here")
        assert alice.receive("message")["user"] == "alice"


# For whom, from whom


@pytest.mark.parametrize(
    ("audience", "aud", "is_good"),
    [
        (None, None, True),
        (None, "chat", False),
        ("chat", "chat", True),
        ("chat", ["other", "chat"], True),
        (["chat", "talk"], "talk", True),
        ("chat", None, False),
        ("chat", "other", False),
        ("chat", [], False),
        ("chat", "chatter", False),
        ("chat", "Chat", False),
    ],
)
def test_a_token_for_others_is_refused(audience: object, aud: object, is_good: bool) -> None:
    with hub_with(**({} if audience is None else {"audience": audience})) as hub:
        assert connect(hub, sign(aud=aud)).close_code == (None if is_good else 4001)


@pytest.mark.parametrize(
    ("issuer", "iss", "is_good"),
    [
        (None, "https://anybody.example.com", True),
        ("https://id.example.com", "https://id.example.com", True),
        (["https://id.example.com", "https://app.example.com"], "https://app.example.com", True),
        ("https://id.example.com", None, False),
        ("https://id.example.com", "https://id.example.com/", False),
        ("https://id.example.com", "https://evil.example.com", False),
    ],
)
def test_a_token_from_somebody_else_is_refused(issuer: object, iss: object, is_good: bool) -> None:
    with hub_with(**({} if issuer is None else {"issuer": issuer})) as hub:
        assert connect(hub, sign(iss=iss)).close_code == (None if is_good else 4001)


@pytest.mark.parametrize(
    ("typ", "is_good"),
    [
        ("JWT", True),
        ("jwt", True),
        ("at+jwt", True),
        ("application/at+jwt", True),
        ("dpop+jwt", False),
        ("", False),
    ],
)
def test_a_token_of_another_kind_is_refused(typ: str, is_good: bool) -> None:
    with hub_with() as hub:
        assert connect(hub, sign(header={"typ": typ})).close_code == (None if is_good else 4001)


# The options


def test_rooms_cannot_have_options_of_their_own() -> None:
    rooms = {"options": {"vip": {"plugins": {"auth_jwt": {"required": False}}}}}
    with pytest.raises(PluginError, match=r"does not depend on the room; remove it from rooms\.options\.vip"):
        HubForTests(
            {"auth_jwt": {"algorithms": ["HS256"], "key": SECRET}}, plugins={"auth_jwt": AuthJwt}, rooms=rooms
        )
