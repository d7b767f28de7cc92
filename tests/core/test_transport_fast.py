"""The fast transport by itself: what it reads in one turn, and what it leaves to the library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import cast

import pytest
from hubbub.core.handshake import Handshake
from hubbub.core.testing import HubForTests
from hubbub.core.transport_fast import FRAMES_PER_TURN, FastTransport
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class Socket:
    """What an asyncio transport is, as far as it is needed."""

    def __init__(self) -> None:
        self.written = b""
        self.is_reading = True
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = write_eof = close

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(FastTransport, protocol)

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def events(self) -> list[dict[str, object]]:
        """What was written since the last call, after the answer to the handshake."""
        written, self.written = self.written.removeprefix(b"HTTP"), b""
        events: list[dict[str, object]] = []
        while written:
            length, start = written[1], 2
            if length == 126:
                length, start = int.from_bytes(written[2:4], "big"), 4
            events.append(json.loads(written[start : start + length]))
            written = written[start + length :]
        return events


def frame(content: str, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, content.encode(), fin).serialize(mask=True)


def message(number: int) -> bytes:
    return frame(json.dumps({"type": "message", "content": str(number)}))


@pytest.fixture
def hub() -> Iterator[HubForTests]:
    with HubForTests({"chat": {}}) as hub:
        yield hub


@pytest.fixture
def socket(hub: HubForTests) -> Iterator[Socket]:
    socket = Socket()

    async def connect() -> None:
        transport = FastTransport(hub.hub, cast(asyncio.Transport, socket), set())
        transport.start(Handshake("garden", {"user": "alice"}), b"HTTP")

    hub.run(connect())
    assert [event["type"] for event in socket.events()] == ["system", "system"]
    yield socket
    hub.loop.call_soon(socket.protocol.connection_lost, None)
    hub.settle()
    assert not hub.manager.connections


def read(hub: HubForTests, socket: Socket, data: bytes, *, one_turn: bool = False) -> list[object]:
    """Let ``data`` arrive; return the contents of the messages that come back."""
    hub.loop.call_soon(socket.protocol.data_received, data)
    if one_turn:
        hub.loop.call_soon(hub.loop.stop)
        hub.loop.run_forever()
    else:
        hub.settle()
    return [event["content"] for event in socket.events() if event["type"] == "message"]


def test_a_flood_is_read_a_little_in_each_turn_and_nothing_of_it_is_lost(hub: HubForTests, socket: Socket) -> None:
    flood = b"".join(message(number) for number in range(1000))
    handled = len(read(hub, socket, flood, one_turn=True))
    assert handled <= FRAMES_PER_TURN
    assert not socket.is_reading
    hub.settle()
    rest = [event["content"] for event in socket.events() if event["type"] == "message"]
    assert handled + len(rest) == 1000
    assert rest[-1] == "999"
    assert socket.is_reading


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_frames_may_arrive_in_pieces_of_any_size(hub: HubForTests, socket: Socket, size: int) -> None:
    data = b"".join(message(number) for number in range(5)) + message(10**200)
    got: list[object] = []
    for start in range(0, len(data), size):
        got += read(hub, socket, data[start : start + size])
    assert got == ["0", "1", "2", "3", "4", str(10**200)]


def test_a_fragmented_message_is_not_overtaken_by_the_frames_around_it(hub: HubForTests, socket: Socket) -> None:
    first, second = '{"type":"message",', '"content":"two"}'
    data = message(1) + frame(first, fin=False) + frame("", Opcode.PING) + frame(second, Opcode.CONT) + message(3)
    pong = b"\x8a\x00"
    hub.loop.call_soon(socket.protocol.data_received, data)
    hub.settle()
    assert socket.written.count(pong) == 1
    socket.written = socket.written.replace(pong, b"")
    assert [event["content"] for event in socket.events()] == ["1", "two", "3"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", 1002),
        (frame("x", Opcode.CONT), 1002),
        (b"\xf1" + message(1)[1:], 1002),
        (Frame(Opcode.TEXT, b"\xff").serialize(mask=True), 1007),
        (b"\x81\xff" + (10**9).to_bytes(8, "big") + b"mask", 1009),
    ],
    ids=["unmasked", "continues nothing", "reserved bits", "not UTF-8", "too large"],
)
def test_who_breaks_the_protocol_is_told_by_the_close_code(
    hub: HubForTests, socket: Socket, data: bytes, code: int
) -> None:
    hub.loop.call_soon(socket.protocol.data_received, data)
    hub.settle()
    assert socket.written[:1] == b"\x88"
    assert int.from_bytes(socket.written[2:4], "big") == code
    assert socket.is_closed
    assert not hub.manager.connections


def test_a_client_that_is_gone_is_not_pinged(hub: HubForTests, socket: Socket) -> None:
    (alice,) = hub.manager.connections.values()
    assert alice.ping()
    assert socket.written == b"\x89\x00"
    socket.close()
    assert alice.ping()
    assert socket.written == b"\x89\x00"


def test_an_idle_connection_keeps_nothing_of_the_library(hub: HubForTests, socket: Socket) -> None:
    hub.loop.call_soon(socket.protocol.data_received, frame("", Opcode.PING) + frame("", Opcode.PONG))
    hub.settle()
    assert socket.written == b"\x8a\x00"
    held = [getattr(socket.protocol, name, None) for name in FastTransport.__slots__]
    assert not any(isinstance(each, ServerProtocol) for each in held)
