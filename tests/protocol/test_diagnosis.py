"""What a person at a terminal is told about a frame that was not understood."""

import json

import msgspec
import pytest
from hubbub.protocol import Codec, Event, Json, Message, Private, Rejected

CODEC = Codec((Message, Private))
TYPES = "help, join, leave, message, ping, pong, private, refresh"
HELLO = {"type": "message", "content": "hello"}
BAD_JSON = "one JSON object with a 'type'"


def outcome(frame: bytes) -> Event | Rejected:
    try:
        return CODEC.decode_json(frame)
    except Rejected as rejected:
        return rejected


def rejected(frame: bytes | dict[str, Json]) -> Rejected:
    result = outcome(frame if isinstance(frame, bytes) else json.dumps(frame).encode())
    assert isinstance(result, Rejected), result
    assert not result.retryable
    assert result.close is None
    return result


def content(raw: bytes) -> bytes:
    return b'{"type":"message","content":' + raw + b"}"


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "not valid JSON: expecting value (an empty frame)"),
        (b" \n", "not valid JSON: expecting value (line 2, column 1)"),
        (b"{", "not valid JSON: expecting property name enclosed in double quotes (line 1, column 2)"),
        (b"{'type':'ping'}", "not valid JSON: expecting property name"),
        (b'{"type":"ping"', "not valid JSON: expecting ',' delimiter (line 1, column 15)"),
        (b'{"type":"ping"} {}', "not valid JSON: extra data (line 1, column 17)"),
        (b'{"type":"ping",}', "not valid JSON: "),
        (content(b'"a\nb"'), "not valid JSON: invalid control character"),
        (content(b'"\\x"'), "not valid JSON: invalid \\escape"),
        (content(b"01"), "not valid JSON: "),
        (b'\xef\xbb\xbf{"type":"ping"}', "not valid JSON: unexpected UTF-8 BOM"),
        (b"[]", "The frame is a list; an event is an object with a type."),
        (b'[{"type":"ping"}]', "The frame is a list; an event is an object with a type."),
        (b"3", "The frame is a single value; an event is an object with a type."),
        (b'"hello"', "The frame is a single value; an event is an object with a type."),
        (b"null", "The frame is a single value; an event is an object with a type."),
        (b"\xff", "The frame is not valid UTF-8."),
        (content(b'"\xc3\x28"'), "The frame is not valid UTF-8."),
        (content(b'"\xed\xa0\x80"'), "The frame is not valid UTF-8."),
        (b'{"type":"ping","more":"\xff"}', "The frame is not valid UTF-8."),
        (content(b'"\\ud800"'), "half of a surrogate pair"),
        (content(b'"\\udc00\\ud800"'), "half of a surrogate pair"),
        (content(b'{"\\ud800":1}'), "half of a surrogate pair"),
        (b'{"type":"ping","more":["\\ud800"]}', "half of a surrogate pair"),
        (b'{"type":"\\ud800"}', "half of a surrogate pair"),
        (content(b"NaN"), "NaN is not a JSON number"),
        (content(b"[Infinity]"), "Infinity is not a JSON number"),
        (content(b"-Infinity"), "-Infinity is not a JSON number"),
        (b'{"type":"ping","more":NaN}', "NaN is not a JSON number"),
        (content(b"1e400"), "a number is too large"),
        (content(b"[-1e400]"), "a number is too large"),
        (b'{"type":"ping","more":1e400}', "a number is too large"),
        (content(b"1" * 400), "a whole number of 400 digits does not fit 64 bits"),
        (content(b"1" * 5000), "a whole number of 5000 digits does not fit 64 bits"),
        (content(b"1" * 5000 + b".5"), "a number is too large"),
        (content(b"[" * 100_000), "nested too deep"),
        (content(b"[" * 100_000 + b"]" * 100_000), "nested too deep"),
        (content(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested too deep"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"type":"ping","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b"a" * 10_000_000, "not valid JSON"),
        (b'{"type":"message","content":"' + b"a" * 10_000_000, "not valid JSON: unterminated string"),
        (b" " * 10_000_000, "not valid JSON"),
        (b"\x00" * 1000, "not valid JSON"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else value[:30],
)
def test_a_frame_that_is_no_json_object_is_bad_json(frame: bytes, said: str) -> None:
    error = rejected(frame)
    assert error.code == "bad_json"
    assert said in error.message
    assert len(error.message) < 200
    assert (error.path, error.expected) == (None, BAD_JSON)
    assert error.example == HELLO


def test_ten_megabytes_of_content_are_one_event() -> None:
    event = CODEC.decode_json(content(b'"' + b"a" * 10_000_000 + b'"'))
    assert isinstance(event, Message)
    assert event.content == "a" * 10_000_000


@pytest.mark.parametrize("said", ["hello", "what's up?", "ALICE", "12 o'clock: here", "é"])
def test_who_types_plain_text_is_shown_it_as_an_event_to_copy(said: str) -> None:
    error = rejected(said.encode())
    assert error.example == {"type": "message", "content": said}
    assert error.example is not None
    assert CODEC.decode_json(json.dumps(error.example).encode()) == Message(content=said)


@pytest.mark.parametrize("said", ["a" * 81, "a\nb", "[1", "{'type'", "\x1b[2J"])
def test_what_is_no_plain_text_is_not_repeated(said: str) -> None:
    assert rejected(said.encode()).example == HELLO


def test_without_messages_the_example_is_one_that_the_server_knows() -> None:
    with pytest.raises(Rejected) as caught:
        Codec().decode_json(b"hello")
    assert caught.value.example == {"type": "help"}


@pytest.mark.parametrize(
    ("type_", "near"),
    [("mesage", "message"), ("Message", "message"), ("PING", "ping"), ("pign", "ping"), ("privat", "private")],
)
def test_an_unknown_type_names_the_nearest_one_with_its_example(type_: str, near: str) -> None:
    error = rejected({"type": type_, "content": "hi", "id": "1"})
    assert error.code == "unknown_type"
    assert error.message == f"There is no event type '{type_}'. Did you mean '{near}'?"
    assert (error.path, error.expected, error.id) == ("type", TYPES, "1")
    assert error.example == CODEC.types[near].example


@pytest.mark.parametrize("type_", ["xyzzy", "", "subscribe to all", "💬", "x" * 1000])
def test_an_unknown_type_that_is_near_to_none_lists_what_there_is(type_: str) -> None:
    error = rejected({"type": type_})
    assert error.code == "unknown_type"
    assert "Did you mean" not in error.message
    assert f"This server knows {TYPES}." in error.message
    assert len(error.message) < 250
    assert error.example == {"type": "help"}


@pytest.mark.parametrize("type_", [5, None, True, [], {"type": "ping"}, 1.5])
def test_a_type_that_is_no_text_is_invalid(type_: Json) -> None:
    error = rejected({"type": type_, "id": "1"})
    assert (error.code, error.path, error.id) == ("invalid", "type", "1")
    assert error.message.startswith("The field 'type' must be a string.")
    assert error.example == HELLO


def test_a_missing_type_is_invalid_and_a_near_key_is_named() -> None:
    error = rejected({"content": "hi"})
    assert (error.code, error.path) == ("invalid", "type")
    assert error.message == f"The field 'type' is missing. It says which event this is: {TYPES}."
    assert "Did you mean it where you wrote 'typ'?" in rejected({"typ": "ping"}).message
    assert rejected(b"{}").path == "type"


@pytest.mark.parametrize(
    ("fields", "path", "expected", "message"),
    [
        ({"type": "message"}, "content", "the field 'content'", "The field 'content' is missing."),
        (
            {"type": "message", "contents": "hi"},
            "content",
            "the field 'content'",
            "The field 'content' is missing. Did you mean it where you wrote 'contents'?",
        ),
        ({"type": "private", "content": "hi"}, "to", "the field 'to'", "The field 'to' is missing."),
        ({"type": "join"}, "room", "the field 'room'", "The field 'room' is missing."),
        (
            {"type": "leave", "Room": "garden"},
            "room",
            "the field 'room'",
            "The field 'room' is missing. Did you mean it where you wrote 'Room'?",
        ),
        (
            {"type": "join", "room": 3},
            "room",
            "a string",
            "The field 'room' must be a string, not a whole number.",
        ),
        (
            {"type": "join", "room": None},
            "room",
            "a string",
            "The field 'room' must be a string, not null.",
        ),
        (
            {"type": "private", "to": [], "content": 1},
            "to",
            "a string",
            "The field 'to' must be a string, not a list.",
        ),
        (
            {"type": "private", "to": {}, "content": 1},
            "to",
            "a string",
            "The field 'to' must be a string, not an object.",
        ),
        (
            {"type": "join", "room": "a", "since": "x"},
            "since",
            "a whole number",
            "The field 'since' must be a whole number, not a string.",
        ),
        (
            {"type": "join", "room": "a" * 129},
            "room",
            "a string of at most 128 characters",
            "The field 'room' must be a string of at most 128 characters.",
        ),
        (
            {"type": "ping", "timestamp": True},
            "timestamp",
            "a whole number or a number or a string",
            "The field 'timestamp' must be a whole number or a number or a string, not true or false.",
        ),
    ],
)
def test_a_wrong_or_missing_field_is_invalid(
    fields: dict[str, Json], path: str, expected: str, message: str
) -> None:
    error = rejected({**fields, "id": "1"})
    assert (error.code, error.path, error.expected, error.message) == ("invalid", path, expected, message)
    assert error.example == CODEC.types[str(fields["type"])].example
    assert error.id == "1"
    packed = msgspec.msgpack.encode({**fields, "id": "1"})
    with pytest.raises(Rejected) as caught:
        CODEC.decode_msgpack(packed)
    assert (caught.value.code, caught.value.message) == ("invalid", message)


@pytest.mark.parametrize("id_", [5, "", "x" * 65, [], None, {}])
def test_an_id_that_cannot_be_answered_is_not(id_: Json) -> None:
    error = rejected({"type": "join", "id": id_})
    assert error.id is None
    if id_ is not None:
        error = rejected({"type": "ping", "id": id_})
        assert (error.code, error.path) == ("invalid", "id")


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"\x81", b"\xa1\xff", b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"],
)
def test_a_frame_that_is_no_messagepack_is_bad_json(frame: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        CODEC.decode_msgpack(frame)
    assert caught.value.code == "bad_json"
    assert "MessagePack" in caught.value.message
    assert len(caught.value.message) < 200
