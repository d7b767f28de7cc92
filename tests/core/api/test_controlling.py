"""What callers end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from .calling import ApiForTests, key_with


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


def test_a_connection_is_closed_for_good_and_the_rest_of_the_user_stays(api: ApiForTests) -> None:
    alice, tab = api.connect("alice"), api.connect("alice")
    assert api.delete(f"/api/connections/{alice.connection.id}").body == {"connections": 1}
    assert (alice.close_code, alice.close_reason) == (4003, "Removed by an operator.")
    assert tab.close_code is None
    missing = api.delete("/api/connections/unknown")
    assert (missing.status, missing.body["code"]) == (404, "not_found")


def test_a_user_is_disconnected_everywhere_with_a_reason_and_may_come_back(api: ApiForTests) -> None:
    alice, tab, bob = api.connect("alice"), api.connect("alice", "garden"), api.connect("bob")
    answer = api.delete("/api/users/alice/connections?reconnect=true&reason=We%20are%20moving.")
    assert answer.body == {"connections": 2}
    for client in (alice, tab):
        assert (client.close_code, client.close_reason) == (1013, "We are moving.")
    assert bob.close_code is None
    assert api.delete("/api/users/alice/connections").status == 404


@pytest.mark.parametrize("query", ["reason=", f"reason={'x' * 121}", "reconnect=perhaps"])
def test_a_disconnection_with_a_mistake_disconnects_nobody(api: ApiForTests, query: str) -> None:
    alice = api.connect("alice")
    assert api.delete(f"/api/users/alice/connections?{query}").status == 422
    assert alice.close_code is None


def test_a_member_is_removed_from_one_room_and_stays_connected(api: ApiForTests) -> None:
    alice, tab, bob = api.connect("alice"), api.connect("alice"), api.connect("bob")
    alice.send({"type": "join", "room": "garden"})
    bob.take()
    assert api.delete("/api/rooms/lobby/members/alice").body == {"connections": 2}
    for client in (alice, tab):
        assert client.receive("system", event="left")["reason"] == "kicked"
        assert client.close_code is None
    assert bob.receive("system", event="left", user="alice")["reason"] == "kicked"
    assert list(alice.connection.rooms) == ["garden"]
    for path in ("/api/rooms/lobby/members/alice", "/api/rooms/empty/members/bob"):
        missing = api.delete(path)
        assert (missing.status, missing.body["code"]) == (404, "not_found")


def test_the_log_says_which_key_has_ended_what(api: ApiForTests, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    alice, bob = api.connect("alice"), api.connect("bob")
    ended = bob.connection.id
    api.delete("/api/rooms/lobby/members/alice")
    api.delete("/api/users/alice/connections")
    api.delete(f"/api/connections/{ended}")
    assert alice.close_code == bob.close_code == 4003
    assert [each.getMessage() for each in caplog.records if each.name.startswith("hubbub.core.api")] == [
        "API key backend removes alice from the room lobby",
        "API key backend disconnects alice",
        f"API key backend disconnects connection {ended} of bob",
    ]


def test_a_name_with_a_slash_is_one_name(api: ApiForTests) -> None:
    alice = api.connect("al/ice%2F", "members/x")
    assert api.delete("/api/rooms/members%2Fx/members/al%2Fice%252F").body == {"connections": 1}
    assert not alice.connection.rooms


def test_a_key_for_some_rooms_removes_from_those_alone() -> None:
    key = key_with("team", "team", ["control"], ["team-*"])
    with ApiForTests(keys=[key]) as api:
        alice, secret = api.connect("alice", "team-1"), str(key["key"])
        alice.send({"type": "join", "room": "lobby"})
        assert api.delete("/api/rooms/lobby/members/alice", key=secret).status == 403
        assert api.delete(f"/api/connections/{alice.connection.id}", key=secret).status == 403
        assert api.delete("/api/users/alice/connections", key=secret).status == 403
        assert api.delete("/api/rooms/team-1/members/alice", key=secret).status == 200
        assert list(alice.connection.rooms) == ["lobby"]
