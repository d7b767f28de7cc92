import json
import math
from datetime import UTC, datetime

import msgspec
import pytest
from hubbub.protocol import Encoded, Error, Event, Gap, Message, Ping, Rejected, System
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_an_event_is_encoded_once_for_each_format() -> None:
    encoded = Encoded(Message(content="hi"))
    for name in ("json", "json_text", "json_frame", "msgpack"):
        assert getattr(encoded, name) is getattr(encoded, name)
    assert encoded.json_text.encode() == encoded.json
    assert encoded.json_frame.endswith(encoded.json)
    assert encoded.msgpack_frame.endswith(encoded.msgpack)


def test_what_is_absent_is_left_out_and_the_type_comes_first() -> None:
    assert Encoded(Message(content="hi")).json == b'{"type":"message","content":"hi"}'
    assert json.loads(Encoded(Message(content=None)).json) == {"type": "message", "content": None}


def test_times_are_utc_with_a_z() -> None:
    assert (
        json.loads(Encoded(Message(content=1, timestamp=NOW)).json)["timestamp"] == "2026-01-02T03:04:05.678900Z"
    )


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            Error(code="invalid", message="No.", retryable=False, shown={"type": "ping"}),
            {
                "type": "error",
                "code": "invalid",
                "message": "No.",
                "retryable": False,
                "example": {"type": "ping"},
            },
        ),
        (
            Gap(room="a", reason="slow", first=1, last=2),
            {"type": "gap", "room": "a", "reason": "slow", "from": 1, "to": 2},
        ),
        (Ping(id="1"), {"type": "ping", "id": "1"}),
        (
            System(event="notice", message="é", timestamp=NOW),
            {"type": "system", "event": "notice", "message": "é", "timestamp": "2026-01-02T03:04:05.678900Z"},
        ),
    ],
)
def test_the_fields_are_those_of_the_wire(event: Event, fields: dict[str, object]) -> None:
    encoded = Encoded(event)
    assert json.loads(encoded.json) == fields
    assert msgspec.msgpack.decode(encoded.msgpack) == fields


@pytest.mark.parametrize("content", ["\ud800", {"\udc00": 1}, object(), {1, object()}, {(1, 2): 3}, [1j]])
def test_what_json_cannot_say_is_refused_at_once(content: object) -> None:
    with pytest.raises(Rejected) as caught:
        Encoded(Message(content=content))
    assert (caught.value.code, caught.value.path) == ("invalid", "content")


def test_what_is_nested_without_end_is_refused_at_once() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Rejected):
        Encoded(Message(content=endless))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(content=values)
def test_messagepack_is_the_same_object_as_json(content: object) -> None:
    encoded = Encoded(Message(content=content))
    assert repr(msgspec.msgpack.decode(encoded.msgpack)) == repr(json.loads(encoded.json))


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
def test_a_number_over_64_bits_is_about_the_same_in_messagepack(number: int) -> None:
    encoded = Encoded(Message(content=[number]))
    assert json.loads(encoded.json)["content"] == [number]
    assert math.isclose(msgspec.msgpack.decode(encoded.msgpack)["content"][0], number)
