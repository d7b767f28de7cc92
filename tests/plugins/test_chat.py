"""The chat plugin: messages, private messages, the welcome line."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hubbub.core import Connection, Private
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests
from hubbub.protocol import Encoded


def test_a_message_goes_to_everyone_in_the_room_the_sender_included() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say("hi")
        for client in (alice, bob):
            message = client.receive("message")
            assert (message["room"], message["user"], message["content"]) == ("lobby", "alice", "hi")


def test_a_message_goes_to_the_room_that_it_names() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob, carol = hub.connect("alice"), hub.connect("bob", "garden"), hub.connect("carol")
        alice.send({"type": "join", "room": "garden"})
        alice.say("in the garden", room="garden")
        assert bob.receive("message")["room"] == "garden"
        assert carol.take("message") == []


def test_a_message_to_a_room_that_one_is_not_in_is_refused() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "garden")
        alice.say("hello?", room="garden")
        assert alice.receive("error")["code"] == "not_in_room"
        assert bob.take("message") == []


def test_the_server_stamps_the_time() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice")
        alice.say("hi")
        stamped = alice.receive("message")["timestamp"]
        assert stamped.endswith("Z")
        assert abs(datetime.fromisoformat(stamped) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("type_", ["message", "private"])
def test_nobody_can_speak_as_someone_else_or_at_another_time(type_: str) -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.send(
            {
                "type": type_,
                "to": "bob",
                "content": "pay me",
                "user": "carol",
                "timestamp": "2001-01-01T00:00:00Z",
                "seq": 77,
            }
        )
        heard = bob.receive(type_)
        assert heard["user"] == "alice"
        assert not heard["timestamp"].startswith("2001")
        assert heard.get("seq") != 77


def test_the_id_of_a_message_goes_back_to_the_connections_of_its_sender_alone() -> None:
    with HubForTests({"chat": {}}) as hub:
        laptop, phone, bob = hub.connect("alice"), hub.connect("alice"), hub.connect("bob")
        laptop.say("hi", id="m1")
        assert laptop.receive("message")["id"] == "m1"
        assert phone.receive("message")["id"] == "m1"
        assert "id" not in bob.receive("message")
        assert laptop.receive("ack")["id"] == "m1"
        assert phone.take("ack") == []


def test_a_private_message_goes_to_all_connections_of_the_user_and_to_nobody_else() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, carol = hub.connect("alice"), hub.connect("carol")
        bobs = [hub.connect("bob"), hub.connect("bob", "garden"), hub.connect("bob")]
        alice.send({"type": "private", "to": "bob", "content": "psst"})
        for bob in bobs:
            private = bob.receive("private")
            assert (private["user"], private["to"], private["content"]) == ("alice", "bob", "psst")
            assert private["timestamp"].endswith("Z")
            assert bob.take("private") == []
        assert carol.take("private") == []


def test_a_private_message_is_echoed_to_all_connections_of_its_sender_with_the_id() -> None:
    with HubForTests({"chat": {}}) as hub:
        laptop, phone, bob = hub.connect("alice"), hub.connect("alice", "garden"), hub.connect("bob")
        laptop.send({"type": "private", "to": "bob", "content": "psst", "id": "p1"})
        assert laptop.receive("private", content="psst")["id"] == "p1"
        assert phone.receive("private", content="psst")["id"] == "p1"
        assert "id" not in bob.receive("private")
        assert laptop.receive("ack")["id"] == "p1"


def test_a_private_message_to_oneself_comes_once_to_each_connection() -> None:
    with HubForTests({"chat": {}}) as hub:
        laptop, phone = hub.connect("alice"), hub.connect("alice")
        laptop.send({"type": "private", "to": "alice", "content": "milk, bread", "id": "note"})
        assert [event["id"] for event in laptop.take("private")] == ["note"]
        assert [event["id"] for event in phone.take("private")] == ["note"]


def test_a_private_message_to_someone_offline_is_refused_and_nothing_is_sent() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice")
        hub.connect("bob").close()
        alice.send({"type": "private", "to": "bob", "content": "psst", "id": "p1"})
        error = alice.receive("error")
        assert (error["code"], error["path"], error["id"]) == ("user_offline", "to", "p1")
        assert not error["retryable"]
        assert "bob" in error["message"]
        assert alice.take("private") == []


def test_a_private_message_that_json_cannot_hold_is_refused_under_its_id() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice", subprotocols=("hubbub.v1.msgpack",))
        bob = hub.connect("bob")
        content = msgspec.msgpack.Ext(5, b"of no known kind")
        alice.send(msgspec.msgpack.encode({"type": "private", "to": "bob", "content": content, "id": "p1"}))
        error = alice.receive("error")
        assert (error["code"], error["id"]) == ("invalid", "p1")
        assert bob.take("private") == []


def test_a_private_message_is_encoded_once_for_all_connections_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    encode = Encoded.__init__

    def counting(self: Encoded, event: Private) -> None:
        encoded.append(type(event).__name__)
        encode(self, event)

    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice")
        bobs = [hub.connect("bob") for _ in range(10)]
        monkeypatch.setattr(Encoded, "__init__", counting)
        alice.send({"type": "private", "to": "bob", "content": "psst"})
        assert encoded.count("Private") == 2  # Once for bob, once for the echo.
        assert all(len(bob.take("private")) == 1 for bob in bobs)


def test_private_messages_keep_their_place_among_the_messages_of_the_room() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        bob.take()

        async def at_once() -> None:
            connection: Connection = alice.connection
            for number in range(3):
                await hub.manager.publish("lobby", hub.manager.news("notice", f"room {number}"))
                hub.manager.send_to_user("bob", Private(user="alice", to="bob", content=f"private {number}"))
            assert connection.is_open

        hub.run(at_once())
        heard = [event.get("message") or event.get("content") for event in bob.take()]
        assert heard == ["room 0", "private 0", "room 1", "private 1", "room 2", "private 2"]


def test_the_welcome_is_the_first_frame_and_says_what_to_type() -> None:
    with HubForTests({"chat": {}}) as hub:
        welcome = hub.connect("alice").events[0]
        assert (welcome["type"], welcome["event"], welcome["user"]) == ("system", "welcome", "alice")
        assert (welcome["room"], welcome["online"], welcome["protocol"]) == ("lobby", 1, "hubbub.v1.json")
        assert "alice" in welcome["message"]
        assert '{"type":"message","content":"hello"}' in welcome["message"]


def test_the_welcome_line_is_the_deployers_and_may_differ_by_room() -> None:
    rooms = {"options": {"support-*": {"plugins": {"chat": {"welcome": "{user}, an agent will be with you."}}}}}
    with HubForTests({"chat": {"welcome": "Hello {user}, this is {room}."}}, rooms=rooms) as hub:
        assert hub.connect("alice").events[0]["message"] == "Hello alice, this is lobby."
        assert hub.connect("bob", "support-7").events[0]["message"] == "bob, an agent will be with you."


def test_a_name_with_braces_is_not_taken_for_a_placeholder() -> None:
    with HubForTests({"chat": {"welcome": "Hello {user}."}}) as hub:
        assert hub.connect("{room.__class__}").events[0]["message"] == "Hello {room.__class__}."


@pytest.mark.parametrize("welcome", ["Hello {name}", "Hello {0}", "Hello {", "Hello {user.age}"])
def test_a_mistake_in_a_welcome_line_stops_the_start_and_names_the_key(welcome: str) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.chat\.welcome: a placeholder cannot be filled in"):
        HubForTests({"chat": {"welcome": welcome}})
    rooms = {"options": {"garden": {"plugins": {"chat": {"welcome": welcome}}}}}
    with pytest.raises(ConfigError, match=r"garden.*welcome: a placeholder cannot be filled in"):
        HubForTests({"chat": {}}, rooms=rooms)
