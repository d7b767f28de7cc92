"""One connection of a load test.

The websockets library makes the handshake and judges rare frames; the reader for all others is lean.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Protocol, cast

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

_FINAL_TEXT = 0x81
_END_OF_HEADERS = b"\r\n\r\n"


class NotConnectedError(Exception):
    """The connection was refused, or ended before `welcome`; the message says why."""


class Listener(Protocol):
    """Who runs the test, and hears what the connections do."""

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        """Take a text frame; False where it is not one of this test's own messages."""
        ...

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        """Take any other event of the server."""
        ...

    def writable(self, client: BenchClient) -> None:
        """What was written has gone out."""
        ...

    def closed(self, client: BenchClient, code: int, reason: str) -> None:
        """Take note that a welcomed connection has ended: 1006 where the server just vanished."""
        ...


class BenchClient(asyncio.Protocol):
    """A connection, from its handshake to its end."""

    def __init__(self, number: int, uri: WebSocketURI, headers: Mapping[str, str], listener: Listener) -> None:
        self.number = number
        self.is_writable = True
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._library = ClientProtocol(uri, max_size=None)
        self._headers = headers
        self._listener = listener
        self._socket: asyncio.Transport | None = None
        self._rest = b""
        self._is_open = self._is_welcomed = self._is_ours_to_end = False
        self.is_lost = False
        """Whether the connection has ended."""

    @property
    def is_connected(self) -> bool:
        """Whether `welcome` has come and the connection has not ended."""
        return self._is_welcomed and self._library.state is State.OPEN and not self.is_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._socket = cast(asyncio.Transport, transport)
        request = self._library.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._library.send_request(request)
        self._write_output()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the server."""
        buffer = self._rest + data if self._rest else data
        self._rest = b""
        if self._is_open:
            self._read(buffer)
            return
        end = buffer.find(_END_OF_HEADERS) + len(_END_OF_HEADERS)
        if end < len(_END_OF_HEADERS):
            self._rest = buffer
            return
        self._library.receive_data(buffer[:end])
        if any(isinstance(event, Response) for event in self._library.events_received()):
            self._is_open = self._library.handshake_exc is None
        if self._is_open:
            self._read(buffer[end:])
        else:
            self._fail(_reason(self._library.handshake_exc, buffer))

    def _read(self, buffer: bytes) -> None:
        size, position = len(buffer), 0
        while size - position >= 2:
            length, start = buffer[position + 1], position + 2
            if length == 126:
                start += 2
            elif length == 127:
                start += 8
            if length >= 126:
                length = int.from_bytes(buffer[position + 2 : start], "big") if start <= size else size
            if start + length > size:
                break
            if buffer[position] == _FINAL_TEXT:
                self._text(buffer[start : start + length])
            else:
                self._read_by_library(buffer[position : start + length])
            position = start + length
        self._rest = buffer[position:]

    def _text(self, frame: bytes) -> None:
        if self._listener.frame(self, frame):
            return
        event = cast("dict[str, Any]", msgspec.json.decode(frame))
        if not self.welcomed.done() and event.get("type") == "system" and event.get("event") == "welcome":
            self._is_welcomed = True
            self.welcomed.set_result(None)
        self._listener.event(self, event)

    def _read_by_library(self, frame: bytes) -> None:
        """Answer pings, and take note of a close frame."""
        self._library.receive_data(frame)
        self._library.events_received()
        self._write_output()
        if self._library.state is not State.OPEN and self._socket is not None:
            self._socket.close()

    def send(self, event: bytes) -> None:
        """Send one event. `is_writable` says whether it goes out at once."""
        self._library.send_text(event)
        self._write_output()

    def pause_writing(self) -> None:
        """The server does not read as fast as this writes."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """The server has caught up."""
        self.is_writable = True
        self._listener.writable(self)

    def close(self) -> None:
        """Say goodbye."""
        self._is_ours_to_end = True
        if self.is_connected:
            self._library.send_close(1000)
            self._write_output()
        else:
            self.abort()

    def abort(self) -> None:
        """End without a word."""
        self._is_ours_to_end = True
        if self._socket is not None:
            self._socket.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end, unless it was ours."""
        del exc
        self.is_lost = True
        self.is_writable = False
        close = self._library.close_rcvd
        code, reason = (close.code, close.reason) if close is not None else (1006, "")
        if not self._is_welcomed:
            self._fail(f"closed with {code} before the welcome" + (f": {reason}" if reason else ""))
        elif not self._is_ours_to_end:
            self._listener.closed(self, code, reason)

    def _fail(self, reason: str) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(NotConnectedError(reason))
        if self._socket is not None:
            self._socket.abort()

    def _write_output(self) -> None:
        if self._socket is not None:
            for data in self._library.data_to_send():
                if data:
                    self._socket.write(data)


def _reason(error: Exception | None, answer: bytes) -> str:
    # The library says nothing of a status as long as the body is not there.
    status = re.match(rb"HTTP/1\.1 ([2-5]\d\d) ", answer)
    if status is not None:
        return f"the server answered HTTP {status[1].decode()}; is the path right, such as /ws?"
    if isinstance(error, WebSocketException) and error.__cause__ is None:
        return f"the answer is no WebSocket handshake: {error}"
    return "the answer is no WebSocket handshake"
