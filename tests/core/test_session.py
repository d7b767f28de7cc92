import asyncio
import json

import msgspec
import pytest
from hubbub.core import Connection, Event, Message, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.testing import HubForTests, Received
from hubbub.protocol import Json, Ping

ALL = {"chat": {}, "presence": {}, "validation": {}, "rate_limit": {"messages": 10_000}, "heartbeat": {}}
EXAMPLES: dict[str, dict[str, Json]] = {
    "message": {"content": "hello"},
    "private": {"to": "bob", "content": "hello"},
    "ping": {"timestamp": "2026-01-01T00:00:00Z"},
    "pong": {},
    "join": {"room": "garden"},
    "leave": {"room": "lobby"},
    "help": {},
    "presence": {},
}
WRONG: dict[str, dict[str, Json]] = {
    "message": {"content": ""},
    "private": {"to": "nobody", "content": "hello"},
    "ping": {"timestamp": []},
    "pong": {"timestamp": {}},
    "join": {"room": "no spaces"},
    "leave": {"room": "never-entered"},
    "presence": {"room": "never-entered"},
    "refresh": {"token": ""},
    "nothing": {},
}


class Slow(Plugin[PluginConfig]):
    """Waits in `check_event` for as many seconds as the message says."""

    @hookimpl
    async def check_event(self, connection: Connection, event: Message) -> None:
        if isinstance(event.content, int | float) and event.content:
            await asyncio.sleep(event.content)


def kinds(events: list[Received]) -> list[str]:
    return [str(event.get("event") or event["type"]) for event in events]


@pytest.mark.parametrize("waits_in", ["nowhere", "authenticate", "check_connect", "connected", "check_join"])
def test_welcome_is_the_first_frame_whatever_happens_before(waits_in: str) -> None:
    class Waits(Plugin[PluginConfig]):
        async def _wait(self, hook: str) -> None:
            if hook == waits_in:
                await asyncio.sleep(1)

        @hookimpl
        async def authenticate(self) -> None:
            await self._wait("authenticate")

        @hookimpl
        async def check_connect(self) -> None:
            await self._wait("check_connect")

        @hookimpl
        async def connected(self, connection: Connection) -> None:
            connection.send(Ping(id="early"))
            await self._wait("connected")

        @hookimpl
        async def check_join(self) -> None:
            await self._wait("check_join")

    with HubForTests({**ALL, "waits": {}}, plugins={"waits": Waits}) as hub:
        bob = hub.connect("bob")
        hub.advance(5)
        alice = hub.connect("alice")
        bob.say("hello")
        bob.send({"type": "private", "to": "alice", "content": "hello"})
        alice.send({"type": "ping", "id": "1"})
        hub.advance(5)
        received = alice.take()
        assert kinds(received)[0] == "welcome"
        assert kinds(received).count("welcome") == 1
        assert {"ping", "joined", "pong", "ack"} <= set(kinds(received))
        assert received[0] == {
            "type": "system",
            "event": "welcome",
            "message": received[0]["message"],
            "room": "lobby",
            "user": "alice",
            "online": 2,
            "protocol": "hubbub.v1.json",
            "guest_key": received[0]["guest_key"],
            "timestamp": received[0]["timestamp"],
        }
        assert received[0]["timestamp"].endswith("Z")


def test_events_of_one_connection_never_overtake_each_other() -> None:
    with HubForTests({"slow": {}, "chat": {}}, plugins={"slow": Slow}) as hub:
        alice = hub.connect("alice")
        alice.take()
        contents = [3, 0, 1, 0, 0, 2, 0]
        for number, content in enumerate(contents):
            alice.say(content, id=str(number))
        assert not alice.events
        hub.advance(10)
        answers = [event.get("content", event.get("id")) for event in alice.take()]
        expected = [answer for number, content in enumerate(contents) for answer in (content, str(number))]
        assert answers == expected


def test_a_connection_that_waits_holds_up_nobody_else() -> None:
    with HubForTests({"slow": {}, "chat": {}}, plugins={"slow": Slow}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say(5)
        bob.say("quick")
        assert alice.receive("message", content="quick")
        assert not alice.take("message")
        hub.advance(4.9)
        assert not bob.take("message")[1:]


def test_events_that_wait_are_bounded_and_reading_goes_on_once_they_are_done() -> None:
    with HubForTests({"slow": {}, "chat": {}}, plugins={"slow": Slow}, server={"inbox_size": 3}) as hub:
        alice = hub.connect("alice")
        alice.say(1)
        for number in (0, 2):
            alice.say(number)
        assert alice.is_read
        alice.say("the third that waits")
        assert not alice.is_read
        hub.advance(1)
        assert not alice.is_read
        hub.advance(2)
        assert alice.is_read
        assert [event["content"] for event in alice.take("message")] == [1, 0, 2, "the third that waits"]


@pytest.mark.parametrize(
    ("type_", "fields", "answer"),
    [
        *((type_, fields, "ack") for type_, fields in EXAMPLES.items()),
        *((type_, fields, "error") for type_, fields in WRONG.items()),
    ],
)
@pytest.mark.parametrize("subprotocol", ["hubbub.v1.json", "hubbub.v1.msgpack"])
def test_an_id_gets_exactly_one_answer(type_: str, fields: dict[str, Json], answer: str, subprotocol: str) -> None:
    with HubForTests(ALL) as hub:
        hub.connect("bob")
        alice = hub.connect("alice", subprotocols=(subprotocol,))
        alice.take()
        alice.send({"type": type_, "id": "the one", **fields})
        answers = [event for event in alice.take() if event["type"] in ("ack", "error")]
        assert [(event["type"], event["id"]) for event in answers] == [(answer, "the one")]
        alice.send({"type": type_, **fields})
        assert not alice.take("ack")
        assert all("id" not in event for event in alice.take())


def test_every_event_type_of_the_built_in_plugins_is_tried_above() -> None:
    with HubForTests(ALL) as hub:
        assert set(hub.hub.codec.types) == {*EXAMPLES, "refresh"}  # It needs an auth plugin.


def test_an_ack_says_when_and_where() -> None:
    with HubForTests(ALL) as hub:
        alice = hub.connect("alice")
        alice.say("hello", id="1")
        ack = alice.receive("ack")
        assert ack.keys() == {"type", "id", "room", "timestamp"}
        assert (ack["id"], ack["room"]) == ("1", "lobby")
        alice.send({"type": "ping", "id": "2"})
        assert alice.receive("ack").keys() == {"type", "id", "timestamp"}


@pytest.mark.parametrize("claimed", ["bob", 5, None, [], {}, True, "2020-01-01T00:00:00Z"])
def test_what_the_server_stamps_is_not_believed_from_a_client(claimed: Json) -> None:
    stamped: dict[str, Json] = dict.fromkeys(("user", "timestamp", "seq", "epoch"), claimed)
    with HubForTests(ALL) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        bob.take()
        alice.say("hello", id="1", **stamped)
        message = bob.receive("message")
        assert message == {
            "type": "message",
            "room": "lobby",
            "user": "alice",
            "content": "hello",
            "timestamp": message["timestamp"],
        }
        assert message["timestamp"] > "2026"
        assert message["timestamp"].endswith("Z")
        assert alice.receive("ack", id="1")
        alice.send({"type": "private", "to": "bob", "content": "psst", **stamped})
        assert bob.receive("private", user="alice", content="psst")["timestamp"] > "2026"


def test_unknown_fields_are_ignored() -> None:
    unknown: dict[str, Json] = {"colour": "red", "to": 5, "nested": {"a": [{"b": None}]}, "": 1}
    with HubForTests(ALL) as hub:
        alice = hub.connect("alice")
        alice.say("hello", **unknown)
        assert alice.receive("message").keys() == {"type", "room", "user", "content", "timestamp"}
        alice.send({"type": "ping", "id": "1", **unknown})
        assert alice.receive("pong") == {"type": "pong", "id": "1"}


def test_a_room_that_was_not_entered_is_refused_and_nothing_is_published() -> None:
    with HubForTests(ALL) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "garden")
        for fields in ({}, {"id": "1"}):
            alice.say("hello", room="garden", **fields)
            error = alice.receive("error", **fields)
            assert (error["code"], error["path"], error["retryable"]) == ("not_in_room", "room", False)
            assert error["example"] == {"type": "join", "room": "garden"}
            assert "you are in: lobby" in error["message"]
        assert not bob.take("message")
        alice.send({"type": "leave", "room": "lobby"})
        alice.say("hello")
        assert "you are in: none" in alice.receive("error", code="not_in_room")["message"]


def test_an_event_without_a_room_means_the_room_of_the_url() -> None:
    with HubForTests(ALL) as hub:
        alice = hub.connect("alice", "garden")
        alice.send({"type": "join", "room": "lobby"})
        alice.say("hello")
        assert alice.receive("message", room="garden", content="hello")
        alice.say("hello", room="lobby")
        assert alice.receive("message", room="lobby", content="hello")


@pytest.mark.parametrize(
    "frame", ["", "hello", "[]", "{", '{"type":', "\x00", '{"type":"message"}', b"\xff\xfe", b"\xc1", b""]
)
@pytest.mark.parametrize("subprotocol", ["hubbub.v1.json", "hubbub.v1.msgpack"])
def test_a_bad_frame_is_answered_and_costs_nothing_more(frame: str | bytes, subprotocol: str) -> None:
    with HubForTests(ALL) as hub:
        alice, bob = hub.connect("alice", subprotocols=(subprotocol,)), hub.connect("bob")
        bob.take()
        alice.take()
        alice.send(frame)
        assert kinds(alice.take()) == ["error"]
        assert alice.close_code is None
        assert not bob.events
        alice.say("still here")
        assert bob.receive("message", content="still here")


def test_text_is_json_and_binary_is_what_the_subprotocol_says() -> None:
    event = {"type": "message", "content": "hello"}
    with HubForTests(ALL) as hub:
        packed, plain = hub.connect("alice", subprotocols=("hubbub.v1.msgpack",)), hub.connect("bob")
        packed.send(msgspec.msgpack.encode(event))
        packed.send(json.dumps(event))
        plain.send(json.dumps(event))
        plain.send(json.dumps(event).encode())
        for client in (packed, plain):
            assert [each["user"] for each in client.take("message")] == ["alice", "alice", "bob", "bob"]
        assert packed.receive("system", event="welcome")["protocol"] == "hubbub.v1.msgpack"


def test_a_transformed_event_keeps_the_answer_to_its_id() -> None:
    class Renames(Plugin[PluginConfig]):
        @hookimpl
        def transform_event(self, event: Message) -> Event:
            return Message(room=event.room, user=event.user, content="another")

    with HubForTests({"chat": {}, "renames": {}}, plugins={"renames": Renames}) as hub:
        alice = hub.connect("alice")
        alice.say("hello", id="1")
        assert alice.receive("message", content="another")
        assert len(alice.take("ack")) == 1


def test_a_handler_that_changes_the_id_takes_nobody_the_answer() -> None:
    class Forgets(Plugin[PluginConfig]):
        @hookimpl
        def handle_event(self, event: Ping) -> None:
            event.id = None

    with HubForTests({"forgets": {}}, plugins={"forgets": Forgets}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping", "id": "1"})
        assert alice.receive("ack", id="1")


def test_a_refusal_may_end_the_connection_as_well() -> None:
    class Ends(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event: Ping) -> None:
            raise Rejected("rate_limited", "Far too many pings.", retry_after=2.5, close=4008)

    with HubForTests({"ends": {}}, plugins={"ends": Ends}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping", "id": "1"})
        error = alice.receive("error", id="1")
        assert (error["code"], error["retryable"], error["retry_after"]) == ("rate_limited", True, 2.5)
        assert (alice.close_code, alice.close_reason) == (4008, "Far too many pings.")
        assert not hub.manager.connections
