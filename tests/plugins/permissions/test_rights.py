"""The permissions plugin: who may enter, publish, look around, read back, and write to single users."""

import logging
from pathlib import Path
from typing import cast

import hubbub.core
import pytest
import yaml
from hubbub.core import (
    Connection,
    Event,
    Identity,
    Message,
    Plugin,
    PluginConfig,
    Recorder,
    Recovery,
    RoomEvent,
    hookimpl,
)
from hubbub.core.service import perform
from hubbub.core.testing import HubForTests
from hubbub.plugins.permissions.plugin import GRANTED
from hubbub.protocol import Encoded

from .door import PEOPLE, PermissionsHub, is_let_in, refusal


class Stroke(RoomEvent, tag="stroke"):
    right = "draw"


class PastQuery(RoomEvent, tag="past"):
    right = "history"


class Past(Plugin[PluginConfig]):
    """Brings events that take other rights than to publish."""

    events = (Stroke, PastQuery)

    @hookimpl
    def handle_event(self, connection: Connection, event: Stroke | PastQuery) -> None: ...


class Tape:
    """Has one event for everybody who missed any: as much of a `Recorder` as joining asks for."""

    async def catch_up(self, room: str, epoch: str | None, since: int | None) -> Recovery:
        missed = [Encoded(Message(room=room, content="secret"))]
        return Recovery("e", 1) if since is None else Recovery("e", 1, recovered=True, events=missed)


OPEN = {"join": "everyone"}


def test_the_shipped_rules_give_guests_every_right_but_in_the_rooms_of_users() -> None:
    text = (Path(hubbub.core.__file__).parent / "default_config.yaml").read_text()
    shipped = yaml.safe_load(text)["plugins"]["permissions"]
    with PermissionsHub(**shipped, plugins={"past": Past}) as hub:
        guest = hub.enter(None)
        for event in ({"type": "message", "content": "hi"}, {"type": "presence"}, {"type": "past"}):
            assert refusal(guest, event) is None
        assert refusal(guest, {"type": "private", "to": guest.connection.user, "content": "hi"}) is None
        assert is_let_in(hub, None, "garden")
        assert is_let_in(hub, "alice", "@alice")
        for token in ("bob", "guest", None):
            assert not is_let_in(hub, token, "@alice")


def test_without_options_the_rules_are_those_of_the_shipped_config() -> None:
    with PermissionsHub() as hub:
        assert is_let_in(hub, None, "garden")
        assert is_let_in(hub, "alice", "@alice")
        assert not is_let_in(hub, "bob", "@alice")


def test_the_first_pattern_that_matches_decides_alone() -> None:
    rules = {"staff-open": OPEN, "staff-*": {"join": "group:staff"}, "*": OPEN}
    with PermissionsHub(rules) as hub:
        assert is_let_in(hub, None, "staff-open")
        assert not is_let_in(hub, "alice", "staff-1")
        assert is_let_in(hub, "staff", "staff-1")
        assert is_let_in(hub, "alice", "lobby")


def test_who_may_join_has_the_rights_that_the_rule_does_not_name() -> None:
    rules = {"news": {"join": "users", "publish": "alice"}, "*": OPEN}
    with PermissionsHub(rules, plugins={"past": Past}) as hub:
        alice, bob = hub.enter("alice", "news"), hub.enter("bob", "news")
        for event in ({"type": "presence"}, {"type": "past"}, {"type": "stroke"}):
            assert refusal(alice, event) is None
            assert refusal(bob, event) is None
        assert refusal(alice) is None
        assert refusal(bob) == "You may not publish in the room 'news'."
        assert not is_let_in(hub, None, "news")


@pytest.mark.parametrize(
    ("right", "event", "says"),
    [
        ("publish", {"type": "message", "content": "hi"}, "You may not publish in the room 'hall'."),
        ("presence", {"type": "presence"}, "You may not see who is in the room 'hall'."),
        ("history", {"type": "past"}, "You may not read the history of the room 'hall'."),
        ("draw", {"type": "stroke"}, "You may not do what takes the right 'draw' in the room 'hall'."),
    ],
)
def test_each_right_is_asked_for_by_itself(right: str, event: dict[str, object], says: str) -> None:
    rules = {"hall": {"join": "everyone", right: "group:staff"}, "*": OPEN}
    with PermissionsHub(rules, plugins={"past": Past}) as hub:
        staff, alice = hub.enter("staff", "hall"), hub.enter("alice", "hall")
        every = ({"type": "message", "content": "hi"}, {"type": "presence"}, {"type": "past"}, {"type": "stroke"})
        for each in every:
            for _ in range(2):  # The second is answered from memory.
                assert refusal(staff, each) is None
                assert refusal(alice, each) == (says if each == event else None)


def test_a_refused_event_is_forbidden_and_harms_nothing() -> None:
    with PermissionsHub({"news": {"join": "everyone", "publish": "alice"}, "*": OPEN}) as hub:
        alice, bob = hub.enter("alice", "news"), hub.enter("bob", "news")
        bob.say("spam", id="1")
        error = bob.receive("error", id="1")
        assert (error["code"], error["retryable"], error["path"]) == ("forbidden", False, "room")
        assert not alice.take("message")
        assert bob.close_code is None


def test_rights_hold_for_the_room_of_the_event_not_for_that_of_the_url() -> None:
    with PermissionsHub({"news": {"join": "everyone", "publish": "alice"}, "*": OPEN}) as hub:
        bob = hub.enter("bob", "hall")
        bob.send({"type": "join", "room": "news"})
        assert refusal(bob) is None
        assert refusal(bob, {"type": "message", "content": "hi", "room": "news"}) is not None


def test_private_messages_are_for_whom_the_config_says() -> None:
    with PermissionsHub({"*": OPEN}, private=["group:staff", "bob"]) as hub:
        clients = {token: hub.enter(token) for token in ("staff", "bob", "alice", None)}
        event = {"type": "private", "to": "bob", "content": "psst"}
        assert refusal(clients["staff"], event) is None
        assert refusal(clients["bob"], event) is None
        assert refusal(clients["alice"], event) == "You may not send private messages."
        assert refusal(clients[None], event) == "You may not send private messages."


def test_what_comes_from_the_servers_own_side_passes() -> None:
    with PermissionsHub({"news": {"join": "users", "publish": "nobody"}}, private="nobody") as hub:
        alice = hub.enter("alice", "news")
        hub.run(hub.hub.publish("news", "hello", user="editor"))
        assert alice.receive("message", content="hello")
        private = {"type": "private", "to": "alice", "content": "psst"}
        hub.run(perform(hub.hub, Identity("editor", "service"), private))
        assert alice.receive("private", content="psst")


def test_a_room_that_no_pattern_matches_lets_nobody_in_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with PermissionsHub({"open": OPEN}) as hub:
        for room in ("lobby", "garden", "lobby"):
            assert not is_let_in(hub, "alice", room)
    (warning,) = [record.getMessage() for record in caplog.records if "permissions" in record.name]
    assert warning.startswith("the room 'lobby' matches no pattern under plugins.permissions.rooms in the config")


def test_who_may_not_read_the_history_does_not_recover_it_by_coming_back() -> None:
    rules = {"hall": {"join": "everyone", "history": "group:staff"}, "*": OPEN}
    with PermissionsHub(rules) as hub:
        hub.manager.publisher.recorder = cast(Recorder, Tape())
        for token, may_read in (("staff", True), ("alice", False)):
            query = {"token": token, "epoch": "e", "since": "0"}
            by_url, by_event = hub.connect(room="hall", query=query), hub.enter(token)
            by_event.send({"type": "join", "room": "hall", "epoch": "e", "since": 0})
            for client in (by_url, by_event):
                assert client.receive("system", event="joined", room="hall")["recovered"] is may_read
                assert bool(client.take("message")) is may_read


def test_what_was_granted_is_forgotten_with_the_room() -> None:
    with PermissionsHub({"*": OPEN}) as hub:
        alice = hub.enter("alice")
        for number in range(200):
            room = f"room-{number}"
            alice.send({"type": "join", "room": room})
            alice.say("hi", room=room)
            alice.send({"type": "leave", "room": room})
        assert refusal(alice) is None
        assert alice.connection.state[GRANTED] == {"lobby": {"publish"}}


def test_a_server_may_have_the_plugin_and_no_auth_plugin() -> None:
    with HubForTests(
        {"chat": {}, "permissions": {"rooms": {"hall": {"join": "guests", "publish": "users"}}}}
    ) as hub:
        guest = hub.connect("alice", "hall")
        assert refusal(guest) == "You may not publish in the room 'hall'."


def test_rights_by_groups_differ_between_two_connections_of_one_user() -> None:
    people = {**PEOPLE, "plain": Identity("sue")}
    with PermissionsHub({"hall": {"join": "users", "publish": "group:staff"}}, people=people) as hub:
        assert refusal(hub.enter("staff", "hall")) is None
        assert refusal(hub.enter("plain", "hall")) is not None


def test_an_event_that_is_in_no_room_needs_no_right() -> None:
    seen: list[Event] = []

    class Nod(Event, tag="nod"):
        pass

    class Nods(Plugin[PluginConfig]):
        events = (Nod,)

        @hookimpl
        def handle_event(self, event: Nod) -> None:
            seen.append(event)

    with PermissionsHub({"*": {"join": "everyone", "publish": "nobody"}}, plugins={"nods": Nods}) as hub:
        assert refusal(hub.enter(None), {"type": "nod"}) is None
    assert len(seen) == 1
