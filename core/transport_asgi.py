"""The portable transport: Hubbub's connections over any ASGI server.

ASGI's ``send`` waits for a slow client, so each connection has a writer task with a bounded buffer in front of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from starlette.types import Message, Receive, Send

from ..protocol import Format
from .handshake import Handshake
from .wire import JSON_TEXTS, MSGPACK_BYTES, Rendered, Wire, Writer

if TYPE_CHECKING:
    from .hub import Hub

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take its last frames and the close frame."""


class AsgiTransport:
    """One connection over ASGI's ``receive`` and ``send``."""

    def __init__(self, hub: Hub, format_: Format, receive: Receive, send: Send) -> None:
        self._hub = hub
        self._session = hub.new_session(self)
        self._wire = JSON_TEXTS if format_ is Format.JSON else MSGPACK_BYTES
        self._max_frame_size = hub.config.server.max_frame_size
        self._high_water = hub.config.server.max_outgoing_buffer // 2
        self._is_writing_paused = False
        self._receive, self._send = receive, send
        self._buffer: deque[str | bytes] = deque()
        self._buffered = 0
        self._has_work = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._closing: tuple[int, str] | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[int]
        self._writer: asyncio.Task[None]

    @property
    def wire(self) -> Wire:
        """Texts or payloads: ASGI makes the frames itself."""
        return self._wire

    @property
    def writer(self) -> Writer:
        """There is no shorter way."""
        return self.write

    async def run(self, handshake: Handshake) -> None:
        """Serve the connection from the accepted handshake to its end."""
        self._writer = asyncio.create_task(self._write_buffer())
        self._reader = asyncio.create_task(self._read())
        self._session.open(handshake)
        code = 1006
        try:
            await asyncio.wait((self._reader,))
            if not self._reader.cancelled():
                code = self._reader.result()
        finally:
            if self._close_timer is not None:
                self._close_timer.cancel()
            self._reader.cancel()
            self._writer.cancel()
            self._session.ended(code)

    async def _read(self) -> int:
        """Take frames until the client is gone; return the code it closed with."""
        while True:
            await self._may_read.wait()
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return _close_code(message)
            self._received(message)

    def _received(self, message: Message) -> None:
        text: str | None = message.get("text")
        frame: bytes = message["bytes"] if text is None else text.encode()
        if len(frame) > self._max_frame_size:
            self._session.refuse(1009, f"a frame may have {self._max_frame_size} bytes at most")
        else:
            self._session.receive(frame, is_text=text is not None)

    def write(self, rendered: Rendered) -> None:
        """Buffer for the writer task; half of what may be buffered makes a slow consumer."""
        if self._closing is not None:
            return
        payloads = cast("list[str] | list[bytes]", rendered)
        self._buffer.extend(payloads)
        self._buffered += sum(map(len, payloads))
        self._has_work.set()
        if self._buffered > self._high_water and not self._is_writing_paused:
            self._is_writing_paused = True
            self._session.writing_paused()

    def close(self, code: int, reason: str) -> None:
        """Close after the buffer, or without it where the client does not take it within `CLOSE_TIMEOUT`."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._has_work.set()
        self._may_read.set()
        self._close_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._reader.cancel)
        self._hub.manager.hold_drain(self._writer)

    def pause_reading(self) -> None:
        """Leave frames with the ASGI server, which stops reading in turn."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Take frames again."""
        self._may_read.set()

    def ping(self) -> bool:
        """ASGI has no ping frames."""
        return False

    async def _write_buffer(self) -> None:
        try:
            while True:
                await self._has_work.wait()
                self._has_work.clear()
                while self._buffer:
                    payload = self._buffer.popleft()
                    kind = "text" if isinstance(payload, str) else "bytes"
                    await self._send({"type": "websocket.send", kind: payload})
                    self._buffered -= len(payload)
                    if self._is_writing_paused and self._buffered < self._high_water // 4:
                        self._is_writing_paused = False
                        self._session.writing_resumed()
                if self._closing is not None:
                    code, reason = self._closing
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
                    return
        except Exception:  # The client is gone; the reader is told so in its own way.
            self._buffer.clear()


def _close_code(message: Message) -> int:
    """What the client closed with: 1006 where it vanished.

    A vanished client has no reason, and some servers report it as 1005 like a close without a code.
    """
    code: int = message.get("code", 1005)
    return 1006 if code == 1005 and message.get("reason") is None else code
