import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
import pytest
from hubbub.plugins.presence import PresenceQuery
from hubbub.protocol import (
    CORE_EVENTS,
    Codec,
    Event,
    Help,
    Join,
    Json,
    Leave,
    Message,
    Ping,
    Pong,
    Private,
    Refresh,
    Rejected,
    RoomEvent,
    tag_of,
)

CODEC = Codec((Message, Private, PresenceQuery))
EVENTS: list[tuple[dict[str, Json], Event]] = [
    ({"type": "message", "content": "hi"}, Message(content="hi")),
    (
        {"type": "message", "content": "hi", "room": "garden", "id": "1"},
        Message(content="hi", room="garden", id="1"),
    ),
    ({"type": "message", "content": None}, Message(content=None)),
    (
        {"type": "message", "content": {"a": [1, 2.5, True, None, "é"]}},
        Message(content={"a": [1, 2.5, True, None, "é"]}),
    ),
    ({"type": "private", "to": "bob", "content": "hi"}, Private(to="bob", content="hi")),
    ({"type": "ping"}, Ping()),
    ({"type": "ping", "id": "1", "timestamp": "now"}, Ping(id="1", timestamp="now")),
    ({"type": "ping", "timestamp": 1.5}, Ping(timestamp=1.5)),
    ({"type": "pong", "id": "1"}, Pong(id="1")),
    ({"type": "join", "room": "garden"}, Join(room="garden")),
    (
        {"type": "join", "room": "garden", "epoch": "e", "since": 7, "id": "1"},
        Join(room="garden", epoch="e", since=7, id="1"),
    ),
    ({"type": "leave", "room": "garden"}, Leave(room="garden")),
    ({"type": "refresh", "token": "abc", "id": "1"}, Refresh(token="abc", id="1")),
    ({"type": "help", "id": "x" * 64}, Help(id="x" * 64)),
    ({"type": "presence", "room": "garden"}, PresenceQuery(room="garden")),
]


class Typing(RoomEvent, tag="typing"):
    """A plugin's own type, with defaults of every kind."""

    example: ClassVar[Mapping[str, Json]] = {"type": "typing"}

    seconds: int = 5
    label: str = ""
    is_on: bool = True
    words: list[str] = msgspec.field(default_factory=list[str])


class Point(msgspec.Struct):
    x: float
    y: float


class Drawing(Event, tag="drawing"):
    points: list[Point] = msgspec.field(default_factory=list[Point])
    colours: dict[int, str] = msgspec.field(default_factory=dict[int, str])
    at: datetime | None = None
    blob: bytes = b""


def refusal(frame: bytes, codec: Codec = CODEC) -> Rejected:
    with pytest.raises(Rejected) as caught:
        codec.decode_json(frame)
    return caught.value


@pytest.mark.parametrize(("fields", "event"), EVENTS)
def test_every_client_type_is_read_from_json_and_from_messagepack(fields: dict[str, Json], event: Event) -> None:
    assert CODEC.decode_json(json.dumps(fields).encode()) == event
    assert CODEC.decode_json(json.dumps(fields, indent=2, ensure_ascii=False).encode()) == event
    assert CODEC.decode_json(json.dumps(dict(reversed(fields.items()))).encode()) == event
    assert CODEC.decode_msgpack(msgspec.msgpack.encode(fields)) == event


def test_every_client_type_is_tried_above() -> None:
    assert {type(event) for _, event in EVENTS} == set(CODEC.types.values())
    assert set(CORE_EVENTS) == {Ping, Pong, Join, Leave, Refresh, Help}


def test_unknown_fields_are_ignored_whatever_is_in_them() -> None:
    fields = {"type": "ping", "id": "1", "more": [{"content": ["x"] * 5}], "": None, "Type": "pong"}
    assert CODEC.decode_json(json.dumps(fields).encode()) == Ping(id="1")
    assert CODEC.decode_msgpack(msgspec.msgpack.encode(fields)) == Ping(id="1")


@pytest.mark.parametrize("wrong", [5, "yesterday", [], {}, True, 1.5, "2026-13-45T00:00:00Z"])
@pytest.mark.parametrize("field", ["user", "timestamp", "seq"])
def test_a_wrong_type_in_what_the_server_stamps_is_no_mistake(field: str, wrong: Json) -> None:
    fields = {"type": "message", "content": "hi", "id": "1", field: wrong}
    for event in (
        CODEC.decode_json(json.dumps(fields).encode()),
        CODEC.decode_msgpack(msgspec.msgpack.encode(fields)),
    ):
        assert isinstance(event, Message)
        assert (event.content, event.id) == ("hi", "1")


def test_the_tag_of_a_type_is_its_name_on_the_wire() -> None:
    assert [tag_of(event) for event in CORE_EVENTS] == ["ping", "pong", "join", "leave", "refresh", "help"]
    assert tag_of(Typing) == "typing"


def test_two_owners_of_one_tag_are_refused_by_name() -> None:
    class Imitation(Event, tag="message"):
        pass

    for first, second in ((Message, Imitation), (Imitation, Message)):
        with pytest.raises(ValueError, match="'message' is claimed twice") as caught:
            Codec((first, second))
        assert "hubbub.protocol.events.Message" in str(caught.value)
        assert "Imitation" in str(caught.value)

    class MyPing(Event, tag="ping"):
        pass

    with pytest.raises(ValueError, match="'ping' is claimed twice"):
        Codec((MyPing,))


def test_the_same_type_may_be_named_twice() -> None:
    assert Codec((Message, Message)).types["message"] is Message


def test_two_codecs_share_nothing() -> None:
    small, large = Codec(), Codec((Typing,))
    assert large.decode_json(b'{"type":"typing"}') == Typing()
    assert refusal(b'{"type":"typing"}', small).code == "unknown_type"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"ping","type":"ping"}',
        b'{"type":"ping","type":"pong"}',
        b'{"type":"ping","id":"a","id":"a"}',
        b'{"type":"ping","id":null,"id":null}',
        b'{"type":"message","content":"a","content":"b"}',
        b'{"type":"message","content":null,"content":null}',
        b'{"type":"message","content":"a","cont\\u0065nt":"b"}',
        b'{"type":"message","cont\\u0065nt":"a","content":"b"}',
        b'{"type":"message","content":"a","\\u0069d":"1","id":"2"}',
        b'{"type":"message","content":{"a":1,"a":1}}',
        b'{"type":"message","content":{"a":1,"\\u0061":1}}',
        b'{"type":"message","content":[[{"a":[{"b":1,"b":2}]}]]}',
        b'{"type":"message","content":"a","more":{"a":1,"a":1}}',
        b'{"type":"message","content":"a","user":{"a":1,"a":1}}',
        b'{ "type" : "message" ,\n"content"\t:\t"a:b", "content" :"c" }',
        b'{"type":"message","content":"a","":1,"":2}',
    ],
)
def test_a_key_that_stands_twice_is_refused_at_any_depth_and_however_it_is_written(frame: bytes) -> None:
    rejected = refusal(frame)
    assert rejected.code == "bad_json"
    assert "stands twice" in rejected.message


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"typing","type":"typing"}',
        b'{"type":"typing","id":"1","id":"1"}',
        b'{"type":"typing","seconds":5,"seconds":5}',
        b'{"type":"typing","seconds":5,"seconds":6}',
        b'{"type":"typing","seconds":6,"seconds":5}',
        b'{"type":"typing","label":"a","label":""}',
        b'{"type":"typing","is_on":true,"is_on":true}',
        b'{"type":"typing","words":[],"words":[]}',
        b'{"type":"typing","words":["a"],"words":["a"]}',
    ],
)
def test_a_key_that_stands_twice_is_refused_in_a_type_with_defaults(frame: bytes) -> None:
    assert "stands twice" in refusal(frame, Codec((Typing,))).message


@pytest.mark.parametrize(
    "content",
    [":::::", "a: b", {"a": ":", "b": {"a": {"a": ":"}}}, [{"a": 1}, {"a": 1}], {"type": 1, "content": 2}],
)
def test_colons_and_equal_keys_of_different_objects_are_no_duplicates(content: Json) -> None:
    frame = json.dumps({"type": "message", "content": content, "id": "a:b", "room": "x:y"}).encode()
    assert CODEC.decode_json(frame) == Message(content=content, id="a:b", room="x:y")


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 2**63, 0, 1.7976931348623157e308, 5e-324])
def test_a_number_that_64_bits_hold_is_kept(number: float) -> None:
    fields = {"type": "message", "content": [number]}
    for room in (None, "a:b"):
        frame = json.dumps(fields | {"room": room}).encode()
        assert CODEC.decode_json(frame) == Message(content=[number], room=room)
    assert CODEC.decode_msgpack(msgspec.msgpack.encode(fields)) == Message(content=[number])


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**19 * 9, 10**25, 10**400, -(10**400)])
@pytest.mark.parametrize("extra", [{}, {"id": "a:b"}, {"seq": "x"}])
@pytest.mark.parametrize("where", ["content", "nested", "unknown", "timestamp", "since"])
def test_a_number_that_64_bits_do_not_hold_is_refused_wherever_it_stands(
    number: int, extra: dict[str, str], where: str
) -> None:
    fields: dict[str, dict[str, object]] = {
        "content": {"type": "message", "content": number},
        "nested": {"type": "message", "content": [{"a": [number]}]},
        "unknown": {"type": "message", "content": "a", "more": number},
        "timestamp": {"type": "ping", "timestamp": number},
        "since": {"type": "join", "room": "a", "since": number},
    }
    rejected = refusal(json.dumps(fields[where] | extra).encode())
    assert rejected.code == "bad_json"
    assert "64 bits" in rejected.message


def test_long_digits_in_a_text_are_no_number() -> None:
    digits = "9" * 500
    for content in (digits, [digits], {"card": digits, digits: 1}, f"a: {digits}"):
        frame = json.dumps({"type": "message", "content": content}).encode()
        assert CODEC.decode_json(frame) == Message(content=content)


@pytest.mark.parametrize(
    "content",
    [
        *(math.nan, math.inf, -math.inf, [math.nan], {"a": {"b": -math.inf}}),
        *({1: "a"}, {1: "a", "1": "b"}, {None: 1}, [{True: 1}]),
        *(b"bytes", datetime(2026, 1, 1, tzinfo=UTC), msgspec.msgpack.Ext(5, b"x")),
    ],
)
def test_messagepack_that_has_no_place_in_json_is_refused(content: object) -> None:
    frame = msgspec.msgpack.encode({"type": "message", "content": content, "id": "1"})
    with pytest.raises(Rejected) as caught:
        CODEC.decode_msgpack(frame)
    assert (caught.value.code, caught.value.path, caught.value.id) == ("invalid", "content", "1")
    ping = msgspec.msgpack.encode({"type": "ping", "timestamp": math.nan})
    with pytest.raises(Rejected, match="timestamp"):
        CODEC.decode_msgpack(ping)


def test_a_plugin_type_may_have_fields_of_any_type_that_the_decoder_knows() -> None:
    drawing = Drawing(
        points=[Point(1.5, 2.0)], colours={1: "red"}, at=datetime(2026, 1, 1, tzinfo=UTC), blob=b"\x00"
    )
    codec = Codec((Drawing,))
    assert codec.decode_msgpack(msgspec.msgpack.encode(drawing)) == drawing
    assert codec.decode_json(msgspec.json.encode(drawing)) == drawing
    with pytest.raises(Rejected, match="points"):
        codec.decode_msgpack(msgspec.msgpack.encode({"type": "drawing", "points": [{"x": "left", "y": 1}]}))
