"""Attacks on rooms: guessing them, taking somebody's name, stretching a token, keeping a right that was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.permissions.rules import Rules
from hypothesis import given
from hypothesis import strategies as st

RULES: dict[str, dict[str, str | list[str]]] = {
    "inbox-{user}": {"join": "owner"},
    "home/{user}/*": {"join": "owner"},
    "staff-*": {"join": ["group:staff", "boss"]},
    "class-*": {"join": "token"},
    "*": {"join": "everyone"},
}


class Gate(Plugin[PluginConfig]):
    """Vouches for whoever is listed."""

    people: ClassVar[dict[str, Identity]] = {
        "alice": Identity("alice"),
        "bob": Identity("bob"),
        "staff": Identity("sue", groups=frozenset({"staff"})),
        "not staff any more": Identity("sue"),
        "pupil": Identity("alice", rooms={"class-1": frozenset({"join"})}),
    }

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return self.people.get(handshake.token or "")


def protected(rules: Mapping[str, object] = RULES, **sections: Any) -> HubForTests:
    plugins = {"gate": {}, "chat": {}, "presence": {}, "permissions": {"rooms": rules}}
    return HubForTests(plugins, plugins={"gate": Gate}, **sections)


def answers(client: ClientForTests, room: str) -> list[dict[str, Any]]:
    """All that one can learn about a room by asking, without its name and the time."""
    client.take()
    for event in (
        {"type": "join", "room": room, "id": "1"},
        {"type": "join", "room": room, "epoch": "e", "since": 0, "id": "2"},
        {"type": "message", "room": room, "content": "hi", "id": "3"},
        {"type": "presence", "room": room, "id": "4"},
        {"type": "leave", "room": room, "id": "5"},
    ):
        client.send(event)  # type: ignore[arg-type]
    return [
        {name: str(value).replace(room, "ROOM") for name, value in event.items() if name != "timestamp"}
        for event in client.take()
    ]


def enters(hub: HubForTests, identity: Identity, room: str) -> bool:
    Gate.people["somebody"] = identity
    try:
        client = hub.connect(room=room, query={"token": "somebody"})
        entered = client.close_code is None and room in client.connection.rooms
        assert entered or client.close_code == 4003
        client.close()
        return entered
    finally:
        del Gate.people["somebody"]


# Guessing of private rooms


@pytest.mark.parametrize("stranger", [None, "bob"])
def test_asking_does_not_tell_a_private_room_that_exists_from_one_that_does_not(stranger: str | None) -> None:
    limits = {"options": {"staff-full": {"max_members": 1}}}
    with protected(rooms=limits) as hub:
        for room in ("staff-1", "staff-full"):
            hub.connect(room=room, query={"token": "staff"})
        hub.connect(room="inbox-alice", query={"token": "alice"})
        asker = hub.connect(query={} if stranger is None else {"token": stranger})
        absent = answers(asker, "staff-9")
        assert [answer["code"] for answer in absent] == ["forbidden"] * 2 + ["not_in_room"] * 3
        for room in ("staff-1", "staff-full", "inbox-alice", "inbox-nobody", "class-1"):
            assert answers(asker, room) == absent


def test_the_url_does_not_tell_them_apart_either() -> None:
    with protected(rooms={"options": {"staff-full": {"max_members": 1}}}, server={"max_rooms": 4}) as hub:
        for room in ("staff-1", "staff-full", "staff-2"):
            hub.connect(room=room, query={"token": "staff"})
        hub.connect()  # From now on there is no place for another room.
        refusals: set[tuple[int | None, str]] = set()
        for room in ("staff-1", "staff-full", "staff-9", "inbox-alice", "class-1"):
            stranger = hub.connect(room=room)
            assert not stranger.events
            refusals.add((stranger.close_code, stranger.close_reason.replace(room, "ROOM")))
        assert refusals == {(4003, "You may not enter the room 'ROOM'.")}


def test_a_room_that_no_rule_names_is_refused_like_one_that_is_forbidden() -> None:
    with protected({"hall": {"join": "everyone"}, "staff-*": {"join": "group:staff"}}) as hub:
        hub.connect(room="staff-1", query={"token": "staff"})
        asker = hub.connect(room="hall")
        assert answers(asker, "staff-1") == answers(asker, "anything")


# Impersonation


@pytest.mark.parametrize("names", ["unique", "shared"])
def test_a_guest_who_takes_the_name_of_a_user_gets_none_of_its_rooms(names: str) -> None:
    with protected(server={"guest_names": names}) as hub:
        for name, room in (("alice", "inbox-alice"), ("alice", "home/alice/x"), ("boss", "staff-1")):
            guest = hub.connect(name)  # The kit even has the key to the name.
            assert (guest.connection.user, guest.connection.identity.kind) == (name, "guest")
            guest.send({"type": "join", "room": room, "id": "1"})
            assert guest.receive("error", id="1")["code"] == "forbidden"
            assert hub.connect(name, room).close_code == 4003
            guest.close()


def test_a_server_without_an_auth_plugin_lets_nobody_in_by_name() -> None:
    with HubForTests({"permissions": {"rooms": RULES}}) as hub:
        for name, room in (("alice", "inbox-alice"), ("boss", "staff-1"), ("everyone", "inbox-everyone")):
            assert hub.connect(name, room).close_code == 4003


FULLWIDTH, CYRILLIC = "\uff41\uff4c\uff49\uff43\uff45", "\u0430lice"
ALIKE = ["Alice", "ALICE", FULLWIDTH, CYRILLIC, "alic\u00e9", "al\u0131ce", "alice.", "alice*", "alic", "alicee"]


@pytest.mark.parametrize("name", ALIKE)
def test_a_user_with_a_name_that_looks_like_anothers_gets_none_of_its_rooms(name: str) -> None:
    with protected() as hub:
        somebody = Identity(name)
        assert not enters(hub, somebody, "inbox-alice")
        assert not enters(hub, somebody, "home/alice/x")
        assert enters(hub, somebody, f"inbox-{name}")


def test_composed_and_decomposed_letters_are_different_names() -> None:
    with protected() as hub:
        composed, decomposed = "ren\u00e9", "rene\u0301"
        assert enters(hub, Identity(composed), f"inbox-{composed}")
        assert not enters(hub, Identity(composed), f"inbox-{decomposed}")
        assert not enters(hub, Identity(decomposed), f"inbox-{composed}")


@pytest.mark.parametrize(
    "room", ["Staff-1", "\uff53taff-1", "\u0455taff-1", "staff\u20101", " staff-1", "staff-1\n"]
)
def test_a_name_that_looks_like_that_of_a_private_room_does_not_lead_there(room: str) -> None:
    with protected() as hub:
        staff = hub.connect(room="staff-1", query={"token": "staff"})
        stranger = hub.connect()
        stranger.send({"type": "join", "room": room})
        stranger.say("hi", room="staff-1")
        stranger.say("hi", room=room)
        assert "staff-1" not in stranger.connection.rooms
        assert not staff.take("message")


PATTERNS_AS_NAMES = ["*", "?", ".*", "[a-z]*", "alice|bob", "(?i)ALICE", "\\w+", "{user}", "a*", "^", "$", "(.*?)"]


@pytest.mark.parametrize("name", PATTERNS_AS_NAMES)
def test_the_name_of_a_user_is_no_pattern(name: str) -> None:
    with protected() as hub:
        somebody = Identity(name)
        for room in ("inbox-alice", "inbox-", "inbox-bob", "home/alice/x", "staff-1"):
            assert not enters(hub, somebody, room)
        assert enters(hub, somebody, f"inbox-{name}")


@pytest.mark.parametrize(
    "room", ["inbox-*", "inbox-?????", "inbox-[a]lice", "inbox-.*", "staff-*", "home/*/x", "*"]
)
def test_the_name_of_a_room_that_a_client_asks_for_is_no_pattern(room: str) -> None:
    with protected() as hub:
        alice = hub.connect(room="inbox-alice", query={"token": "alice"})
        bob = hub.connect(query={"token": "bob"})
        bob.send({"type": "join", "room": room})
        bob.say("hi", room=room)
        assert "inbox-alice" not in bob.connection.rooms
        assert not alice.take("message")


@pytest.mark.parametrize(
    ("user", "room"),
    [("alice/x", "home/alice/x/y"), ("ice", "inbox-alice"), ("home/alice", "home/home/alice/x"), ("", "inbox-")],
)
def test_a_name_that_is_made_to_fit_owns_no_room_of_another(user: str, room: str) -> None:
    assert Rules(RULES).allow(Identity(user), "join", room) is False


@given(st.text(min_size=1), st.text(min_size=1))
def test_whoever_owns_a_room_has_exactly_the_name_that_is_in_it(user: str, room: str) -> None:
    rules = Rules({"inbox-{user}": {"join": "owner"}, "*": {"join": "nobody"}})
    assert rules.allow(Identity(user), "join", f"inbox-{user}")
    for candidate in (room, f"inbox-{room}", f"inbox-{user}{room}", f"inbox-{room}{user}", f"x-inbox-{user}"):
        assert bool(rules.allow(Identity(user), "join", candidate)) is (candidate == f"inbox-{user}")


# Tokens


def test_a_token_opens_the_rooms_that_it_names_and_no_others() -> None:
    with protected() as hub:
        one = Identity("alice", rooms={"class-1": frozenset({"join"})})
        assert enters(hub, one, "class-1")
        for room in ("class-2", "class-11", "Class-1", "class-", "class-*"):
            assert enters(hub, one, room) is (room == "Class-1")  # That one is for everyone.


def test_a_token_opens_many_rooms_only_where_it_says_so_itself() -> None:
    with protected() as hub:
        assert enters(hub, Identity("alice", rooms={"class-1*": frozenset({"join"})}), "class-17")
        assert not enters(hub, Identity("alice", rooms={"class-1*": frozenset({"join"})}), "class-2")
        assert enters(hub, Identity("alice", rooms={"*": frozenset({"join"})}), "class-2")


@pytest.mark.parametrize("rooms", ["*", "staff-*", "inbox-bob", "inbox-{user}", "home/*"])
def test_a_token_opens_no_room_whose_rule_does_not_ask_for_tokens(rooms: str) -> None:
    with protected() as hub:
        greedy = Identity("alice", rooms={rooms: frozenset({"join", "publish", "presence", "history"})})
        for room in ("staff-1", "inbox-bob", "home/bob/x"):
            assert not enters(hub, greedy, room)


def test_the_placeholder_means_nothing_in_a_token() -> None:
    with protected() as hub:
        assert not enters(hub, Identity("alice", rooms={"class-{user}": frozenset({"join"})}), "class-alice")


def test_a_token_gives_no_right_that_it_does_not_name() -> None:
    with protected() as hub:
        pupil = hub.connect(room="class-1", query={"token": "pupil"})
        pupil.take()
        pupil.say("hi")
        pupil.send({"type": "presence"})
        assert [event["code"] for event in pupil.take()] == ["forbidden", "forbidden"]


# What is lost is lost


def test_a_right_that_is_lost_by_a_refresh_is_lost_at_once() -> None:
    with protected() as hub:
        sue = hub.connect(room="staff-1", query={"token": "staff"})
        witness = hub.connect(room="staff-1", query={"token": "staff"})
        sue.say("allowed")
        sue.take()
        sue.send({"type": "refresh", "token": "not staff any more"})
        witness.say("secret")
        sue.say("hi", room="staff-1")
        sue.send({"type": "presence", "room": "staff-1"})
        sue.send({"type": "join", "room": "staff-1"})
        told = sue.take()
        assert [(event.get("event"), event.get("reason")) for event in told[:2]] == [
            ("left", "kicked"),
            ("refreshed", None),
        ]
        assert [event["code"] for event in told[2:]] == ["not_in_room", "not_in_room", "forbidden"]
        assert [event["content"] for event in witness.take("message")] == ["allowed", "secret"]


def test_a_frame_sent_right_behind_a_refresh_is_judged_by_the_new_rights() -> None:
    with protected() as hub:
        sue = hub.connect(room="staff-1", query={"token": "staff"})
        session = sue.connection.session

        def send_at_once() -> None:
            session.receive(b'{"type":"refresh","token":"not staff any more"}', is_text=True)
            session.receive(b'{"type":"message","content":"too late"}', is_text=True)

        hub.loop.call_soon(send_at_once)
        hub.settle()
        assert not sue.take("message")
        assert sue.receive("error")["code"] == "not_in_room"
