from collections.abc import Generator
from typing import TypeVar

import pytest
from hubbub.protocol import Encoded, Message
from hubbub.protocol.frames import binary_frame, deflated_text_frame, text_frame
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

T = TypeVar("T")

LENGTHS = [0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 200_000]


def parse(data: bytes, *, is_deflated: bool = False) -> Frame:
    """The one frame that ``data`` is, as a client's library reads it."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    extensions = [PerMessageDeflate(True, True, 15, 15)] if is_deflated else []
    frame = finish(Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=extensions))
    assert finish(reader.at_eof()), "there is more than one frame"
    return frame


def finish(parsing: Generator[None, None, T]) -> T:
    """What a parser returns that has all its data."""
    while True:
        try:
            next(parsing)
        except StopIteration as finished:
            return finished.value


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_frame_is_read_back_by_a_client_library(length: int) -> None:
    payload = b"a" * length
    frame = parse(text_frame(payload))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, payload)
    assert (frame.rsv1, frame.rsv2, frame.rsv3) == (False, False, False)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_binary_frame_is_read_back_by_a_client_library(length: int) -> None:
    payload = bytes(range(256)) * (length // 256) + bytes(length % 256)
    frame = parse(binary_frame(payload))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.BINARY, True, payload)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_frame_is_byte_for_byte_what_the_library_would_write(length: int) -> None:
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_compressed_frame_is_read_back_by_a_client_library(length: int) -> None:
    payload = ("öabc" * length)[:length].encode()
    frame = parse(deflated_text_frame(payload), is_deflated=True)
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, payload)


def test_every_compressed_frame_stands_alone() -> None:
    first, second = deflated_text_frame(b"again and again " * 20), deflated_text_frame(b"again and again " * 20)
    assert first == second
    assert len(first) < 60


@pytest.mark.parametrize("length", LENGTHS)
def test_the_frames_of_an_event_hold_its_bytes(length: int) -> None:
    encoded = Encoded(Message(content="x" * length))
    assert bytes(parse(encoded.json_frame).data) == encoded.json
    assert bytes(parse(encoded.msgpack_frame).data) == encoded.msgpack
    deflated = parse(encoded.deflated_json_frame, is_deflated=True)
    assert bytes(deflated.data) == encoded.json
