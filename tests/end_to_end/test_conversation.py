"""The main path, over real sockets."""

from __future__ import annotations

from .conftest import Connect
from .running_server import RunningServer


def test_two_people_talk_and_see_each_other_come_and_go(server: RunningServer, connect: Connect) -> None:
    alice = connect(server, "/ws/talk?user=alice")
    welcome = alice.receive()
    assert welcome.items() >= {"type": "system", "event": "welcome", "user": "alice", "room": "talk"}.items()
    bob = connect(server, "/ws/talk?user=bob")
    assert alice.wait_for(event="joined", user="bob")["online"] == 2

    bob.send(type="message", content="hi, alice", id="1")
    heard = alice.wait_for(type="message")
    assert heard.items() >= {"user": "bob", "room": "talk", "content": "hi, alice"}.items()
    assert "id" not in heard
    assert bob.wait_for(type="message")["id"] == "1"
    assert bob.wait_for(type="ack", id="1")["room"] == "talk"

    alice.send(type="private", to="bob", content="between us")
    assert bob.wait_for(type="private")["user"] == "alice"
    assert alice.wait_for(type="private")["content"] == "between us"

    bob.close()
    left = alice.wait_for(event="left", user="bob")
    assert left.items() >= {"online": 1, "reason": "left", "message": "bob left the room"}.items()


def test_rooms_hear_only_their_own(server: RunningServer, connect: Connect) -> None:
    alice, bob = connect(server, "/ws/red?user=alice"), connect(server, "/ws/blue?user=bob")
    bob.wait_for(event="joined", user="bob")
    alice.send(type="message", content="red only")
    alice.wait_for(type="message")
    bob.send(type="message", content="blue only")
    assert bob.receive()["content"] == "blue only"
    alice.send(type="join", room="blue")
    assert bob.wait_for(event="joined", user="alice")["room"] == "blue"
    bob.send(type="message", content="both now")
    assert alice.wait_for(type="message")["room"] == "blue"


def test_a_refused_event_is_answered_and_the_connection_lives(server: RunningServer, connect: Connect) -> None:
    alice = connect(server, "/ws?user=alice")
    alice.websocket.send("hello?")
    assert alice.wait_for(type="error")["code"] == "bad_json"
    alice.send(type="massage", id="2")
    refused = alice.wait_for(type="error", id="2")
    assert refused["code"] == "unknown_type"
    assert "message" in str(refused["message"])
    alice.send(type="message", content=" ", id="3")
    assert alice.wait_for(type="error", id="3")["path"] == "content"
    alice.send(type="ping", id="4")
    alice.wait_for(type="pong", id="4")


def test_one_clients_many_events_arrive_in_the_order_in_which_they_were_sent(
    server: RunningServer, connect: Connect
) -> None:
    alice, bob = connect(server, "/ws/order?user=alice"), connect(server, "/ws/order?user=bob", max_queue=None)
    bob.wait_for(event="joined", user="bob")
    for number in range(2_000):
        alice.send(type="message", content=f"{number}")
    assert [bob.wait_for(type="message")["content"] for _ in range(2_000)] == [f"{n}" for n in range(2_000)]
