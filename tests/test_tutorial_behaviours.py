"""What every tutorial of a WebSocket chat teaches, each as a test by name, with the shipped plugins."""

from collections.abc import Iterator

import pytest
from hubbub.core.testing import HubForTests, Received

SHIPPED: dict[str, object] = {"chat": {}, "presence": {}, "validation": {}, "rate_limit": {}, "heartbeat": {}}


@pytest.fixture
def hub() -> Iterator[HubForTests]:
    with HubForTests(SHIPPED) as hub:
        yield hub


def contains(event: Received, subset: Received) -> bool:
    """Whether what a tutorial shows is part of what has come."""
    return subset.items() <= event.items()


def test_echo_back_to_a_lone_member(hub: HubForTests) -> None:
    alice = hub.connect("alice")
    alice.say("is anybody here?")
    assert [event["content"] for event in alice.take("message")] == ["is anybody here?"]


def test_broadcast_to_all(hub: HubForTests) -> None:
    clients = [hub.connect(f"user {number}") for number in range(20)]
    clients[0].say("hi")
    for client in clients:
        (message,) = client.take("message")
        assert contains(message, {"type": "message", "user": "user 0", "content": "hi"})


def test_what_a_tutorial_shows_of_a_message_is_part_of_it(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice"), hub.connect("bob")
    alice.send('{"type":"message","content":"hi"}')
    for client in (alice, bob):
        message = client.receive("message")
        assert contains(message, {"type": "message", "user": "alice", "content": "hi"})
        assert message["timestamp"].endswith("Z")


def test_join_notices_with_counts(hub: HubForTests) -> None:
    bob = hub.connect("bob")
    for online, name in enumerate(("alice", "carol"), start=2):
        hub.connect(name)
        notice = bob.receive("system", user=name)
        assert contains(notice, {"type": "system", "message": f"{name} joined the room"})
        assert notice["online"] == online


def test_leave_notices_with_counts(hub: HubForTests) -> None:
    bob, alice, carol = hub.connect("bob"), hub.connect("alice"), hub.connect("carol")
    bob.take()
    for online, client, name in ((2, alice, "alice"), (1, carol, "carol")):
        client.close()
        notice = bob.receive("system", user=name)
        assert contains(notice, {"type": "system", "message": f"{name} left the room"})
        assert notice["online"] == online


def test_a_private_message_by_client_id(hub: HubForTests) -> None:
    alice, bob, carol = hub.connect("alice"), hub.connect("bob"), hub.connect("carol")
    alice.send({"type": "private", "to": "bob", "content": "psst"})
    assert contains(bob.receive("private"), {"user": "alice", "to": "bob", "content": "psst"})
    assert alice.receive("private", content="psst")
    assert carol.take("private") == []


def test_dead_connections_are_removed_during_a_broadcast(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice"), hub.connect("bob")
    dead = [hub.connect(f"dead {number}") for number in range(3)]
    for client in dead:
        client.fail_writes()
    alice.say("is everybody alive?")
    assert bob.receive("message", content="is everybody alive?")
    assert set(hub.manager.users) == {"alice", "bob"}
    assert len(hub.manager.rooms["lobby"]) == 2
    left = [event["user"] for event in bob.take("system") if event["event"] == "left"]
    assert sorted(left) == ["dead 0", "dead 1", "dead 2"]
    alice.say("good")
    assert bob.receive("message", content="good")


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u200b"])
def test_a_blank_message_is_refused(hub: HubForTests, blank: str) -> None:
    alice, bob = hub.connect("alice"), hub.connect("bob")
    alice.say(blank)
    assert alice.receive("error")["code"] == "invalid"
    assert bob.take("message") == []


def test_an_over_long_message_is_refused(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice"), hub.connect("bob")
    alice.say("x" * 1001)
    assert alice.receive("error")["code"] == "too_large"
    alice.say("x" * 1000)
    assert [len(event["content"]) for event in bob.take("message")] == [1000]


def test_the_11th_message_in_a_minute_is_refused(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice"), hub.connect("bob")
    for number in range(11):
        alice.say(f"message {number}")
        hub.advance(1)
    assert len(bob.take("message")) == 10
    error = alice.receive("error")
    assert (error["code"], error["message"]) == ("rate_limited", "Rate limit exceeded. Slow down.")
    hub.advance(error["retry_after"])
    alice.say("a minute later")
    assert bob.receive("message", content="a minute later")


def test_rooms_are_apart_from_each_other(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice", "kitchen"), hub.connect("bob", "garden")
    bob.take()
    alice.say("dinner is ready")
    hub.connect("carol", "kitchen")
    assert alice.receive("message")["room"] == "kitchen"
    assert bob.take() == []


def test_an_empty_room_is_forgotten(hub: HubForTests) -> None:
    alice, bob = hub.connect("alice", "kitchen"), hub.connect("bob", "kitchen")
    alice.close()
    assert list(hub.manager.rooms) == ["kitchen"]
    bob.vanish()
    assert not hub.manager.rooms
    assert hub.connect("carol", "kitchen").receive("system", event="welcome")["online"] == 1


def test_a_ping_is_answered_by_a_pong(hub: HubForTests) -> None:
    alice = hub.connect("alice")
    alice.send({"type": "ping", "timestamp": 1234.5})
    assert contains(alice.receive("pong"), {"type": "pong", "timestamp": 1234.5})


def test_the_server_pings_on_its_interval(hub: HubForTests) -> None:
    alice, person = hub.connect("alice"), hub.connect("bob", can_ping=False)
    for beats in range(1, 4):
        hub.advance(30)
        assert alice.pings == beats
        assert len(person.take("ping")) == 1


def test_cleanup_when_a_client_vanishes(hub: HubForTests) -> None:
    bob, alice = hub.connect("bob"), hub.connect("alice")
    alice.send({"type": "join", "room": "garden"})
    connection = alice.connection
    bob.take()
    alice.vanish()
    assert list(hub.manager.users) == ["bob"]
    assert list(hub.manager.connections) == [bob.connection.id]
    assert list(hub.manager.rooms) == ["lobby"]
    assert not connection.rooms
    assert bob.receive("system", event="left", user="alice")["reason"] == "lost"


def test_cleanup_when_a_client_vanishes_without_the_socket_noticing(hub: HubForTests) -> None:
    bob, alice = hub.connect("bob"), hub.connect("alice")
    alice.fall_silent()
    hub.advance(41)
    assert list(hub.manager.users) == ["bob"]
    assert bob.receive("system", event="left", user="alice")["reason"] == "lost"
