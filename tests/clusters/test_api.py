"""The HTTP API of one server acts on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import pytest

from ..core.api.calling import ApiForTests
from .bus import Bus, BusBroker


class Servers(NamedTuple):
    """The one that is asked, and another."""

    one: ApiForTests
    two: ApiForTests
    brokers: list[BusBroker]

    def settle(self) -> None:
        """Let what happened be known everywhere."""
        self.one.kit.advance(0.1)


@pytest.fixture
def servers() -> Iterator[Servers]:
    bus = Bus()
    brokers = [BusBroker(bus), BusBroker(bus)]
    with (
        ApiForTests(broker=brokers[0]) as one,
        ApiForTests(broker=brokers[1], beside=one.kit, server={"node": "two"}) as two,
    ):
        one.kit.advance(2)
        yield Servers(one, two, brokers)


def test_a_notice_reaches_users_connections_rooms_and_everyone_on_other_servers(servers: Servers) -> None:
    alice, bob = servers.one.connect("alice"), servers.two.connect("bob")
    servers.settle()
    for path, connections in (
        ("/api/users/bob/notify", 1),
        ("/notify/bob", 1),
        (f"/notify/{bob.connection.id}", 1),
        ("/api/rooms/lobby/notify", 2),
        ("/api/notify", 2),
    ):
        for each in (alice, bob):
            each.take()
        assert servers.one.post(path, {"message": "Dinner!"}).body == {"connections": connections}, path
        servers.settle()
        assert bob.receive("system", event="notice")["message"] == "Dinner!", path
        assert len(alice.take("system")) == connections - 1, path


def test_who_is_nowhere_is_offline(servers: Servers) -> None:
    bob = servers.two.connect("bob")
    gone = bob.connection.id
    bob.close()
    servers.settle()
    for path in ("/api/users/bob/notify", "/notify/bob", f"/notify/{gone}"):
        assert servers.one.post(path, {"message": "x"}).status == 404
    for path in ("/api/users/bob/connections", f"/api/connections/{gone}", "/api/rooms/lobby/members/bob"):
        assert servers.one.delete(path).status == 404
    assert servers.one.get("/api/users/bob").status == 404


def test_users_and_connections_on_other_servers_are_disconnected(servers: Servers) -> None:
    bob, tab, carol = servers.one.connect("bob"), servers.two.connect("bob"), servers.two.connect("carol")
    servers.settle()
    assert servers.one.delete("/api/users/bob/connections?reason=Enough.").body == {"connections": 2}
    assert servers.one.delete(f"/api/connections/{carol.connection.id}?reconnect=true").body == {"connections": 1}
    servers.settle()
    assert [each.close_code for each in (bob, tab, carol)] == [4003, 4003, 1013]
    assert tab.close_reason == "Enough."


def test_a_member_is_removed_on_all_servers(servers: Servers) -> None:
    bob, tab = servers.one.connect("bob"), servers.two.connect("bob")
    servers.settle()
    assert servers.one.delete("/api/rooms/lobby/members/bob").body == {"connections": 2}
    servers.settle()
    for client in (bob, tab):
        assert client.receive("system", event="left")["reason"] == "kicked"
        assert client.close_code is None


def test_rooms_members_and_users_are_those_of_all_servers(servers: Servers) -> None:
    alice = servers.one.connect("alice")
    for user, room in (("alice", ""), ("bob", ""), ("bob", "attic")):
        servers.two.connect(user, room)
    servers.settle()
    lobby, attic = (
        {"room": "lobby", "online": 2, "connections": 3},
        {"room": "attic", "online": 1, "connections": 1},
    )
    assert servers.one.get("/api/rooms").body == {"rooms": [attic, lobby]}
    assert servers.one.get("/api/rooms/attic").body == attic
    page = servers.one.get("/api/rooms/lobby/members").body
    assert page["online"] == 2
    members = [(each["user"], each["connections"], each.get("elsewhere")) for each in page["members"]]
    assert members == [("alice", [alice.connection.id], 1), ("bob", [], 1)]
    bob = servers.one.get("/api/users/bob").body
    assert (bob["rooms"], bob["connections"]) == (["attic", "lobby"], [])
    assert [(each["node"].split("-")[0], each["connections"]) for each in bob["elsewhere"]] == [("two", 2)]
    assert [each["user"] for each in servers.one.get("/api/rooms/lobby/presence").body["users"]] == [
        "alice",
        "bob",
    ]


def test_connections_are_those_of_the_server_that_answers_and_says_which_it_is(servers: Servers) -> None:
    alice = servers.one.connect("alice")
    servers.two.connect("bob")
    servers.settle()
    page = servers.one.get("/api/connections").body
    assert page["node"] == servers.one.kit.manager.cluster.node
    assert [each["id"] for each in page["connections"]] == [alice.connection.id]


def test_the_servers_are_listed_with_what_they_last_said(servers: Servers) -> None:
    servers.two.connect("bob")
    servers.one.kit.advance(1)
    this, other = servers.one.get("/api/nodes").body["nodes"]
    assert (this["node"], this["heard_ago"]) == (servers.one.kit.manager.cluster.node, 0)
    assert other["node"] == servers.two.kit.manager.cluster.node
    assert (other["connections"], other["rooms"], other["heard_ago"] <= 1) == (1, 1, True)
    assert datetime.fromisoformat(other["since"]).tzinfo is not None
    assert "unconfirmed" not in other
    servers.brokers[1].is_cut = True
    servers.one.kit.advance(3)
    assert servers.one.get("/api/nodes").body["nodes"][1]["unconfirmed"]


def test_while_the_broker_is_away_what_concerns_other_servers_is_refused(servers: Servers) -> None:
    bob, alice = servers.two.connect("bob"), servers.one.connect("alice")
    servers.settle()
    servers.one.kit.run(servers.brokers[0].cut())
    alice.take()
    for answer in (
        servers.one.post("/api/notify", {"message": "x"}),
        servers.one.post("/api/users/bob/notify", {"message": "x"}),
        servers.one.delete("/api/users/bob/connections"),
        servers.one.delete(f"/api/connections/{bob.connection.id}"),
    ):
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
    assert not alice.take("system")
    assert servers.one.post("/api/users/alice/notify", {"message": "x"}).body == {"connections": 1}


def test_a_server_that_does_not_answer_is_named(servers: Servers) -> None:
    bob = servers.two.connect("bob")
    servers.settle()
    servers.brokers[1].is_cut = True
    answer = servers.one.delete(f"/api/connections/{bob.connection.id}")
    assert (answer.status, answer.body["code"]) == (503, "unavailable")
    assert "two-" in answer.body["detail"]
