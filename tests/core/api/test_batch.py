"""Several operations in one request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubbub.core import Event, Message, Plugin, PluginConfig, hookimpl

from .calling import ApiForTests, key_with


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


def test_each_operation_has_the_answer_that_it_would_have_alone_in_order(api: ApiForTests) -> None:
    alice, bob, carol = api.connect("alice"), api.connect("bob"), api.connect("carol", "garden")
    for client in (alice, bob, carol):
        client.take()
    operations: list[dict[str, object]] = [
        {"do": "publish", "room": "lobby", "content": "one", "user": "shop", "id": "1"},
        {"do": "publish", "room": "lobby", "content": " "},
        {"do": "event", "room": "lobby", "event": {"type": "message", "content": "two"}},
        {"do": "event", "room": "garden", "event": {"type": "presence"}},
        {"do": "notify", "message": "all"},
        {"do": "notify", "message": "garden", "room": "garden"},
        {"do": "notify", "message": "bob", "user": "bob"},
        {"do": "notify", "message": "alice", "client": "alice"},
        {"do": "notify", "message": "who?", "client": "alice", "user": "bob"},
        {"do": "remove", "room": "lobby", "user": "bob"},
        {"do": "disconnect", "connection": alice.connection.id, "reason": "Enough."},
        {"do": "disconnect_user", "user": "carol", "reconnect": True},
        {"do": "disconnect_user", "user": "carol"},
    ]
    answer = api.post("/api/batch", {"operations": operations})
    results = answer.body["results"]
    statuses = [each["status"] for each in results]
    assert statuses == [200, 422, 200, 200, 200, 200, 200, 200, 422, 200, 200, 200, 404]
    assert (answer.status, answer.body["failed"]) == (200, 3)
    assert results[0]["result"] == {"room": "lobby", "timestamp": results[0]["result"]["timestamp"], "id": "1"}
    assert results[1]["problem"]["path"] == "content"
    assert results[1]["problem"]["type"] == "about:blank"
    assert results[3]["result"]["replies"][0]["online"] == 1
    assert [each["result"]["connections"] for each in results[4:8]] == [3, 1, 1, 1]
    assert [each["content"] for each in alice.take("message")] == ["one", "two"]
    assert (alice.close_code, alice.close_reason, carol.close_code) == (4003, "Enough.", 1013)
    assert not bob.connection.rooms


@pytest.mark.parametrize(
    "operations",
    [
        [],
        {},
        [{"do": "publish", "room": "lobby", "content": "x"}, {"do": "publish", "room": "lobby"}],
        [{"do": "publish", "room": "lobby", "content": "x"}, {"do": "dance"}],
        [{"do": "publish", "room": "lobby", "content": "x"}, {"do": "remove", "room": "lobby", "usr": "x"}],
        [{"room": "lobby", "content": "x"}],
    ],
)
def test_a_body_that_is_no_batch_does_nothing_at_all(api: ApiForTests, operations: object) -> None:
    alice = api.connect("alice")
    answer = api.post("/api/batch", {"operations": operations})
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert not alice.events


def test_a_batch_is_bounded() -> None:
    with ApiForTests(api={"max_batch": 2}) as api:
        alice = api.connect("alice")
        publish = {"do": "publish", "room": "lobby", "content": "x"}
        assert api.post("/api/batch", {"operations": [publish] * 2}).status == 200
        alice.take()
        answer = api.post("/api/batch", {"operations": [publish] * 3})
        assert (answer.status, answer.body["code"]) == (413, "too_large")
        assert not alice.events


def test_each_operation_takes_its_own_scope() -> None:
    key = key_with("publisher", "publisher", ["publish"])
    with ApiForTests(keys=[key]) as api:
        alice = api.connect("alice")
        operations: list[dict[str, object]] = [
            {"do": "notify", "message": "x"},
            {"do": "event", "room": "lobby", "event": {"type": "presence"}},
            {"do": "remove", "room": "lobby", "user": "alice"},
            {"do": "disconnect_user", "user": "alice"},
            {"do": "disconnect", "connection": alice.connection.id},
            {"do": "publish", "room": "lobby", "content": "x"},
        ]
        answer = api.post("/api/batch", {"operations": operations}, key=str(key["key"])).body
        assert [each["status"] for each in answer["results"]] == [403] * 5 + [200]
        assert [each["problem"]["scope"] for each in answer["results"][:5]] == ["notify", "read", *["control"] * 3]
        assert alice.close_code is None


def test_a_repeated_batch_is_carried_out_once_and_its_events_have_ids_of_their_own(api: ApiForTests) -> None:
    alice = api.connect("alice")
    body = {"operations": [{"do": "publish", "room": "lobby", "content": "x"}] * 2}
    answers = [api.post("/api/batch", body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert [each["result"]["id"] for each in answers[0].body["results"]] == ["k.0", "k.1"]
    assert len(alice.take("message")) == 2


def test_an_operation_that_breaks_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Breaks(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event: Message) -> Event | None:
            if event.content == "break":
                raise ZeroDivisionError
            return None

    with ApiForTests({"chat": {}, "breaks": {}}, plugins={"breaks": Breaks}) as api:
        publish = {"do": "publish", "room": "lobby"}
        operations = [{**publish, "content": "break"}, {**publish, "content": "x"}]
        results = api.post("/api/batch", {"operations": operations}).body["results"]
        assert [each["status"] for each in results] == [500, 200]
    assert len(caplog.records) == 1
