"""What callers see of rooms, users and connections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest
from hubbub.core import Connection, Event, Plugin, PluginConfig, RoomEvent, hookimpl
from hubbub.core.api import looking

from .calling import ApiForTests, key_with


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


def test_rooms_are_listed_by_name_a_page_at_a_time(api: ApiForTests) -> None:
    for room in ("c", "a", "b", "team-2", "team-1"):
        api.connect("alice", room)
    api.connect("alice", "a")
    api.connect("bob", "a")
    first = api.get("/api/rooms?limit=2").body
    assert first == {
        "rooms": [
            {"room": "a", "online": 2, "connections": 3},
            {"room": "b", "online": 1, "connections": 1},
        ],
        "next": "b",
    }
    second = api.get("/api/rooms?limit=3&after=b").body
    assert [each["room"] for each in second["rooms"]] == ["c", "team-1", "team-2"]
    assert "next" not in second
    assert [each["room"] for each in api.get("/api/rooms?prefix=team-").body["rooms"]] == ["team-1", "team-2"]
    assert api.get("/api/rooms?prefix=x").body == {"rooms": []}


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_where_there_are_many_they_are_looked_at_in_portions(
    api: ApiForTests, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(looking, "NAMES_AT_ONCE", at_once)
    for room in ("e", "b", "d", "a", "c"):
        api.connect("alice", room)
    assert [each["room"] for each in api.get("/api/rooms?limit=3&after=a").body["rooms"]] == ["b", "c", "d"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=1.5", f"prefix={'x' * 129}"])
def test_a_query_with_a_mistake_is_refused(api: ApiForTests, query: str) -> None:
    answer = api.get(f"/api/rooms?{query}")
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert answer.body["errors"][0]["path"].startswith("query.")


def test_a_key_for_some_rooms_sees_those_alone() -> None:
    key = key_with("team", "team", ["read"], ["team-*"])
    with ApiForTests(keys=[key]) as api:
        for room in ("lobby", "team-1", "team-2"):
            api.connect("alice", room)
        secret = str(key["key"])
        listed = api.get("/api/rooms?limit=1", key=secret).body
        assert ([each["room"] for each in listed["rooms"]], listed["next"]) == (["team-1"], "team-1")
        assert api.get("/api/rooms/team-1", key=secret).status == 200
        for path in ("/api/rooms/lobby", "/api/rooms/lobby/members", "/api/rooms/lobby/presence"):
            assert api.get(path, key=secret).status == 403
        for path in ("/api/connections", "/api/users/alice"):
            answer = api.get(path, key=secret)
            assert answer.status == 403
            assert 'rooms: ["*"]' in answer.body["detail"]


def test_a_room_is_described_also_when_nobody_is_in_it(api: ApiForTests) -> None:
    api.connect("alice")
    assert api.get("/api/rooms/lobby").body == {"room": "lobby", "online": 1, "connections": 1}
    assert api.get("/api/rooms/empty").body == {"room": "empty", "online": 0, "connections": 0}
    assert api.get("/api/rooms/empty/members").body == {"room": "empty", "online": 0, "members": []}


def test_members_are_listed_by_name_with_their_connections(api: ApiForTests) -> None:
    bob, alice, tab = api.connect("bob"), api.connect("alice"), api.connect("alice")
    page = api.get("/api/rooms/lobby/members?limit=1").body
    member = page["members"][0]
    assert (page["online"], page["next"], member["user"]) == (2, "alice", "alice")
    assert member["connections"] == [alice.connection.id, tab.connection.id]
    assert datetime.fromisoformat(member["since"]).tzinfo is not None
    rest = api.get("/api/rooms/lobby/members?after=alice").body
    assert [each["connections"] for each in rest["members"]] == [[bob.connection.id]]


def test_connections_are_listed_and_a_user_can_be_looked_up(api: ApiForTests) -> None:
    alice = api.connect("alice")
    alice.send({"type": "join", "room": "garden"})
    bob = api.connect("bob")
    ids = sorted([alice.connection.id, bob.connection.id])
    first = api.get("/api/connections?limit=1").body
    assert (first["online"], first["connections"][0]["id"], first["next"]) == (2, ids[0], ids[0])
    assert [each["id"] for each in api.get(f"/api/connections?after={ids[0]}").body["connections"]] == ids[1:]
    user = api.get("/api/users/alice").body
    connection = user["connections"][0]
    assert (user["user"], user["rooms"]) == ("alice", ["garden", "lobby"])
    assert (connection["id"], connection["kind"], connection["address"]) == (
        alice.connection.id,
        "guest",
        "203.0.113.7",
    )
    missing = api.get("/api/users/nobody")
    assert (missing.status, missing.body["code"]) == (404, "user_offline")


def test_presence_is_what_a_member_would_be_told(api: ApiForTests) -> None:
    alice = api.connect("alice")
    alice.send({"type": "presence"})
    assert api.get("/api/rooms/lobby/presence").body == alice.receive("presence")
    assert api.get("/api/rooms/empty/presence").body["users"] == []


class HistoryQuery(RoomEvent, tag="history"):
    right = "history"
    summary = "Asks for what was said."
    example = {"type": "history"}

    limit: int | None = None
    before: int | None = None


class HistoryPage(Event, tag="history", kw_only=True):
    room: str
    events: list[msgspec.Raw]
    first: int


class Remembers(Plugin[PluginConfig]):
    events = (HistoryQuery,)

    @hookimpl
    def handle_event(self, connection: Connection, event: HistoryQuery) -> HistoryPage:
        assert connection.identity.kind == "service"
        told = msgspec.Raw(msgspec.json.encode({"limit": event.limit, "before": event.before}))
        return HistoryPage(room=str(event.room), events=[told], first=1)


def test_history_is_asked_of_the_plugin_that_has_it() -> None:
    with ApiForTests({"history": {}}, plugins={"history": Remembers}) as api:
        answer = api.get("/api/rooms/lobby/history?limit=5&before=9").body
        assert answer == {"type": "history", "room": "lobby", "events": [{"limit": 5, "before": 9}], "first": 1}
        assert api.get("/api/rooms/lobby/history").body["events"] == [{"limit": None, "before": None}]
        assert api.get("/api/rooms/lobby/history?limit=0").status == 422


@pytest.mark.parametrize("plugin", ["presence", "history"])
def test_without_the_plugin_the_answer_says_which_one_is_missing(plugin: str) -> None:
    with ApiForTests({"chat": {}}) as api:
        answer = api.get(f"/api/rooms/lobby/{plugin}")
        assert (answer.status, answer.body["code"]) == (501, "plugin_off")
        assert f"'{plugin}:' under 'plugins:'" in answer.body["detail"]
