"""What callers publish and tell, and what clients get of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hubbub.core import Connection, Event, Message, Plugin, PluginConfig, Rejected, RoomEvent, hookimpl

from .calling import ApiForTests, key_with


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


class Poll(RoomEvent, tag="poll", kw_only=True):
    summary = "Asks the room something."
    example = {"type": "poll", "question": "Tea?"}
    right = "poll"

    question: str


class Polls(Plugin[PluginConfig]):
    events = (Poll,)

    @hookimpl
    async def handle_event(self, connection: Connection, event: Poll) -> None:
        assert event.room is not None
        await self.manager.publish(event.room, event)


class Picky(Plugin[PluginConfig]):
    """Refuses with the code that a message names, and breaks where it names none."""

    @hookimpl
    def check_event(self, event: Message) -> None:
        code, _, seconds = str(event.content).partition(" ")
        if code == "break":
            raise ZeroDivisionError("a secret thing")
        raise Rejected(code, "No.", retry_after=float(seconds) if seconds else None)

    @hookimpl
    def check_publish(self, room: str, event: Event) -> None:
        if room == "closed":
            raise Rejected("forbidden", "This room is closed.")


def test_a_message_goes_to_everyone_in_the_room_and_says_when(api: ApiForTests) -> None:
    alice, bob = api.connect("alice"), api.connect("bob", "garden")
    alice.take()
    answer = api.post("/api/rooms/lobby/messages", {"content": "Hello!", "user": "shop"})
    received = alice.receive("message")
    assert (received["user"], received["room"], received["content"]) == ("shop", "lobby", "Hello!")
    assert answer.status == 200
    assert answer.body == {"room": "lobby", "timestamp": answer.body["timestamp"]}
    assert not bob.take("message")


def test_without_a_user_a_message_is_from_the_name_of_the_key(api: ApiForTests) -> None:
    alice = api.connect("alice")
    api.post("/api/rooms/lobby/messages", {"content": "Hello!"})
    assert alice.receive("message")["user"] == "backend"


def test_an_id_comes_back_and_is_published_once(api: ApiForTests) -> None:
    alice = api.connect("alice")
    first = api.post("/api/rooms/lobby/messages", {"content": "Hello!", "id": "1"})
    again = api.post("/api/rooms/lobby/messages", {"content": "Hello!", "id": "1"})
    assert (first.body["id"], "duplicate" in first.body) == ("1", False)
    assert (again.body["id"], again.body["duplicate"]) == ("1", True)
    assert len(alice.take("message")) == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.content"),
        ({"content": "x", "usr": "shop"}, "body.usr"),
        ({"content": "x", "user": ""}, "body.user"),
        ({"content": "x", "user": "x" * 65}, "body.user"),
        ({"content": "x", "user": 5}, "body.user"),
        ({"content": "x", "id": "x" * 65}, "body.id"),
        ([1, 2], "body"),
    ],
)
def test_a_body_with_a_mistake_publishes_nothing_and_names_the_field(
    api: ApiForTests, body: object, path: str
) -> None:
    alice = api.connect("alice")
    answer = api.post("/api/rooms/lobby/messages", body)
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["path"] for each in answer.body["errors"]] == [path]
    assert not alice.events


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/api/rooms/lobby/messages", {"content": " "}, "content"),
        ("/api/rooms/lobby/messages", {"content": "x" * 1001}, "content"),
        ("/api/rooms/lobby/messages", {"content": "x", "user": " shop"}, "user"),
        ("/api/rooms/lo%20bby/messages", {"content": "x"}, "room"),
        ("/api/rooms/lobby/messages", {"content": 2**80}, None),
    ],
)
def test_the_checks_are_those_that_clients_meet(
    api: ApiForTests, path: str, body: object, wrong: str | None
) -> None:
    alice = api.connect("alice")
    answer = api.post(path, body)
    assert answer.status in (400, 413, 422)
    assert answer.body.get("path") == wrong
    assert not alice.events


@pytest.mark.parametrize("room", ["a/b", "a%b", "a%2Fb", "ä😀", "a?b#c", "..", "messages", "x/messages", "+"])
def test_a_room_may_have_any_name_in_the_url(api: ApiForTests, room: str) -> None:
    alice = api.connect("alice", room)
    answer = api.post(f"/api/rooms/{quote(room, safe='')}/messages", {"content": "Hello!"})
    assert answer.body["room"] == room
    assert alice.receive("message")["room"] == room
    assert api.get(f"/api/rooms/{quote(room, safe='')}").body["room"] == room


def test_a_refusal_has_the_status_that_its_code_means() -> None:
    expected = {"forbidden": 403, "room_full": 409, "user_offline": 404, "unavailable": 503, "my_own": 422}
    with ApiForTests({"chat": {}, "picky": {}}, plugins={"picky": Picky}) as api:
        for code, status in expected.items():
            answer = api.post("/api/rooms/lobby/messages", {"content": code})
            assert (answer.status, answer.body["code"]) == (status, code)
        limited = api.post("/api/rooms/lobby/messages", {"content": "rate_limited 2.5"})
        assert (limited.status, limited.headers["retry-after"]) == (429, "3")
        assert limited.body["retry_after"] == 2.5


def test_a_plugin_that_fails_is_an_error_without_details(caplog: pytest.LogCaptureFixture) -> None:
    with ApiForTests({"chat": {}, "picky": {}}, plugins={"picky": Picky}) as api:
        answer = api.post("/api/rooms/lobby/messages", {"content": "break"})
        assert (answer.status, answer.body["code"], answer.body["retryable"]) == (500, "internal", True)
        assert "secret" not in answer.text
    assert "plugin 'picky' failed in check_event" in caplog.text


def test_any_type_of_a_plugin_can_be_sent_if_the_key_has_the_scope() -> None:
    keys = [key_with("one", "one", ["publish"]), key_with("two", "two", ["control"])]
    with ApiForTests({"chat": {}, "polls": {}}, plugins={"polls": Polls}, keys=keys) as api:
        alice = api.connect("alice")
        body = {"type": "poll", "question": "Tea?", "user": "shop", "id": "7"}
        refused = api.post("/api/rooms/lobby/events", body, key=str(keys[0]["key"]))
        assert (refused.status, refused.body["scope"]) == (403, "control")
        answer = api.post("/api/rooms/lobby/events", body, key=str(keys[1]["key"]))
        assert answer.body == {"room": "lobby", "timestamp": answer.body["timestamp"], "id": "7"}
        assert alice.receive("poll")["user"] == "shop"


def test_what_a_client_would_be_sent_in_reply_is_in_the_answer(api: ApiForTests) -> None:
    api.connect("alice")
    answer = api.post("/api/rooms/lobby/events", {"type": "presence"})
    assert [each["user"] for each in answer.body["replies"][0]["users"]] == ["alice"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "mesage", "content": "x"}, "unknown_type"),
        ({"type": "message"}, "invalid"),
        ({"type": "private", "to": "alice", "content": "x"}, "invalid"),
        ({"type": "join", "room": "lobby"}, "invalid"),
        ({"type": "ping"}, "invalid"),
        ({"type": "message", "content": "x", "room": "garden"}, "invalid"),
        ({"type": "system", "event": "x"}, "unknown_type"),
    ],
)
def test_an_event_that_does_not_fit_is_refused_as_a_client_would_be(
    api: ApiForTests, event: dict[str, object], code: str
) -> None:
    alice = api.connect("alice")
    answer = api.post("/api/rooms/lobby/events", event)
    assert (answer.status, answer.body["code"]) == (422, code)
    assert not alice.events


def notices(client: Any) -> list[dict[str, object]]:
    return [{k: v for k, v in each.items() if k != "timestamp"} for each in client.take("system")]


def test_a_notice_reaches_a_room_a_user_a_connection_or_everyone(api: ApiForTests) -> None:
    alice, tab, bob = api.connect("alice"), api.connect("alice", "garden"), api.connect("bob", "garden")
    for client in (alice, tab, bob):
        client.take()
    body = {"message": "Your order is on its way.", "data": {"order": 1042, "note": None}}
    notice = {"type": "system", "event": "notice", **body}
    assert api.post("/api/rooms/garden/notify", body).body == {"connections": 2}
    assert [notices(each) for each in (alice, tab, bob)] == [[], *[[{**notice, "room": "garden"}]] * 2]
    assert api.post("/api/users/alice/notify", body).body == {"connections": 2}
    assert [notices(each) for each in (alice, tab, bob)] == [[notice], [notice], []]
    assert api.post("/notify/bob", body).body == {"connections": 1}
    assert [notices(each) for each in (alice, tab, bob)] == [[], [], [notice]]
    assert api.post(f"/notify/{tab.connection.id}", body).body == {"connections": 1}
    assert [notices(each) for each in (alice, tab, bob)] == [[], [notice], []]
    assert api.post("/api/notify", {"message": "Good night!"}).body == {"connections": 3}
    assert [notices(each)[0]["message"] for each in (alice, tab, bob)] == ["Good night!"] * 3


def test_everyone_is_told_also_where_they_are_many(api: ApiForTests) -> None:
    clients = [api.connect(f"user-{number}", f"room-{number}") for number in range(250)]
    assert api.post("/api/notify", {"message": "x"}).body == {"connections": 250}
    assert all(len(client.take("system")) == 1 for client in clients)


@pytest.mark.parametrize("path", ["/api/users/nobody/notify", "/notify/nobody"])
def test_a_notice_to_somebody_who_is_offline_is_refused(api: ApiForTests, path: str) -> None:
    answer = api.post(path, {"message": "x"})
    assert (answer.status, answer.body["code"]) == (404, "user_offline")


def test_a_notice_to_a_room_passes_the_guards_of_publications() -> None:
    with ApiForTests({"chat": {}, "picky": {}}, plugins={"picky": Picky}) as api:
        assert api.post("/api/rooms/closed/notify", {"message": "x"}).body["detail"] == "This room is closed."
        assert api.post("/api/rooms/empty/notify", {"message": "x"}).body == {"connections": 0}


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": "x" * 2001}, {"message": "x", "user": "y"}, {"message": 5}]
)
def test_a_notice_needs_a_message(api: ApiForTests, body: object) -> None:
    assert api.post("/api/notify", body).status == 422


def test_a_notice_is_no_larger_than_an_event_may_be(api: ApiForTests) -> None:
    alice = api.connect("alice")
    answer = api.post("/api/notify", {"message": "x", "data": "y" * 70_000})
    assert (answer.status, answer.body["code"]) == (413, "too_large")
    assert not alice.events
