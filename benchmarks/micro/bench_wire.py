"""Frames to events and back: what is done once for each, however many receive it."""

from datetime import UTC, datetime

import msgspec
import pytest
from hubbub.plugins.presence import PresenceQuery
from hubbub.protocol import Codec, Encoded, Event, Message, Private, Rejected

from .measuring import CONTENT, FRAME, Benchmark, measure

CODEC = Codec([Message, Private, PresenceQuery])
BAD_FRAMES = {
    "not JSON": b"hello, is anybody there?",
    "an unknown type": FRAME.replace(b'"message"', b'"mesage"'),
    "a missing field": b'{"type":"message","text":"hello"}',
}


def _message() -> Message:
    return Message(content=CONTENT, room="lobby", user="alice", timestamp=datetime.now(UTC))


def bench_decode_json(benchmark: Benchmark) -> None:
    """decode a message, JSON"""
    assert isinstance(measure(benchmark, CODEC.decode_json, FRAME), Message)


def bench_decode_json_with_id(benchmark: Benchmark) -> None:
    """decode a message with an id, JSON"""
    event = measure(benchmark, CODEC.decode_json, FRAME.replace(b"}", b',"id":"m-17"}'))
    assert isinstance(event, Message)
    assert event.id == "m-17"


def bench_decode_msgpack(benchmark: Benchmark) -> None:
    """decode a message, MessagePack"""
    assert isinstance(
        measure(benchmark, CODEC.decode_msgpack, msgspec.msgpack.encode(msgspec.json.decode(FRAME))), Message
    )


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=list(BAD_FRAMES))
def bench_diagnosis(benchmark: Benchmark, frame: bytes) -> None:
    """say what is wrong with a frame"""

    def refuse() -> Event | Rejected:
        try:
            return CODEC.decode_json(frame)
        except Rejected as rejected:
            return rejected

    assert isinstance(measure(benchmark, refuse), Rejected)


def bench_encode_json_frame(benchmark: Benchmark) -> None:
    """encode and frame a message, JSON"""
    message = _message()
    assert measure(benchmark, lambda: Encoded(message).json_frame)


def bench_encode_msgpack_frame(benchmark: Benchmark) -> None:
    """encode and frame a message, MessagePack"""
    message = _message()
    assert measure(benchmark, lambda: Encoded(message).msgpack_frame)


def bench_deflated_frame(benchmark: Benchmark) -> None:
    """encode, compress and frame a message, JSON"""
    message = _message()
    assert measure(benchmark, lambda: Encoded(message).deflated_json_frame)
