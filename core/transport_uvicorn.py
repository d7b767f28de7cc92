"""The fast transport: a protocol class under uvicorn that talks to the session without a task or a queue.

The common frame - whole, final, text, masked, while no message is in progress - is unmasked here and goes straight
to the session. Every other frame goes, whole, to the parser of the websockets library, which stays the authority
on RFC 6455. Once a session is attached the ASGI call returns; the connection lives on without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame

from ..protocol import Format
from .handshake import Handshake
from .session import Session
from .wire import JSON_FRAMES, MSGPACK_FRAMES, Rendered, Wire

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from .hub import Hub

EXTENSION: Final = "hubbub.transport"
"""The key of the ASGI scope's ``extensions`` under which the protocol offers itself."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take its last frames and to answer the close frame."""

FRAMES_PER_TURN = 64
"""Frames that one client gets handled before the others have their turn."""

_FINAL_TEXT, _MASKED = 0x81, 0x80


class UvicornTransport(WebSocketsSansIOProtocol):
    """A WebSocket connection; an ordinary one of uvicorn until `attach` is called."""

    _session: Session | None = None
    _wire: Wire = JSON_FRAMES
    _rest: bytes = b""
    _is_paused = False
    _has_turn_scheduled = False

    @property
    def wire(self) -> Wire:
        """Frames, joined to one write."""
        return self._wire

    # The handshake

    def handle_connect(self, event: object) -> None:
        """Offer this transport to the application."""
        super().handle_connect(event)  # pyright: ignore[reportArgumentType]
        if hasattr(self, "scope"):
            self.scope["extensions"][EXTENSION] = self  # pyright: ignore

    async def run_asgi(self) -> None:
        """Call the application; the connection ends with the call only where no session was attached."""
        try:
            await self.app(self.scope, self.receive, self.send)  # pyright: ignore[reportUnknownMemberType]
        except Exception:
            self.logger.exception("the application failed")
            self.send_500_response()
        if self._session is None and self.close_timer is None:
            self.transport.close()

    def attach(self, hub: Hub, handshake: Handshake) -> None:
        """Serve the accepted connection from here on, outside of ASGI."""
        self._wire = JSON_FRAMES if handshake.format is Format.JSON else MSGPACK_FRAMES
        self._max_frame_size = hub.config.server.max_frame_size
        self.transport.set_write_buffer_limits(high=hub.config.server.max_outgoing_buffer // 2)
        self.stop_keepalive()
        self._session = Session(hub, self)
        self._session.open(handshake)
        if self._rest:
            self._read(b"")

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._session is not None:
            self._read(data)
        elif self.handshake_initiated and not self.handshake_complete:
            self._rest += data  # Whoever serves the connection reads it, once it is accepted.
            if len(self._rest) > 0xFFFF:
                self.transport.abort()
        else:
            rest, self._rest = self._rest, b""
            super().data_received(rest + data)

    def _read(self, data: bytes) -> None:
        """Handle the whole frames that are there, up to `FRAMES_PER_TURN`; keep the rest."""
        assert self._session is not None
        buffer = self._rest + data if self._rest else data
        self._rest = b""
        receive, size = self._session.receive, len(buffer)
        position = frames = 0
        while size - position >= 6 and not self._is_paused:
            if frames == FRAMES_PER_TURN:
                self._schedule_turn()
                break
            frames += 1
            is_common = buffer[position] == _FINAL_TEXT and self.conn.current_size is None and not self.close_sent
            length, start = buffer[position + 1] - _MASKED, position + 6
            if length == 126 and size - position >= 8:
                length, start = buffer[position + 2] << 8 | buffer[position + 3], position + 8
                is_common = is_common and length >= 126
            elif not 0 <= length <= 125:
                is_common = False
            if not is_common or length > self._max_frame_size:
                end = self._end_of_frame(buffer, position)
                if end > size:
                    break
                self._read_by_library(buffer[position:end])
            else:
                end = start + length
                if end > size:
                    break
                frame = apply_mask(buffer[start:end], buffer[start - 4 : start])
                if not frame.isascii() and not _is_utf8(frame):
                    self._fail(1007, "a text frame is not valid UTF-8")
                    return
                receive(frame, is_text=True)
            position = end
        if position < size and not self.transport.is_closing():
            self._rest = buffer[position:]

    def _end_of_frame(self, buffer: bytes, position: int) -> int:
        """Where a frame ends; the end of the buffer where the library must judge it before it is whole."""
        size = len(buffer)
        masked, length = buffer[position + 1] & _MASKED, buffer[position + 1] & 0x7F
        start = position + 2 + (4 if masked else 0)
        if length >= 126:
            digits = 2 if length == 126 else 8
            start += digits
            if size < position + 2 + digits:
                return start
            length = int.from_bytes(buffer[position + 2 : position + 2 + digits], "big")
        is_control = buffer[position] & 0x08
        if not masked or length > (125 if is_control else self._max_frame_size):
            return size
        return start + length

    def _read_by_library(self, frame: bytes) -> None:
        self.conn.receive_data(frame)
        if self.conn.parser_exc is not None:
            self._failed()
        else:
            self.handle_events()

    def send_receive_event_to_app(self) -> None:
        """Hand on a message that the library has put together, in the same turn as all others."""
        if self._session is None:
            super().send_receive_event_to_app()
            return
        message = b"".join(self.frames)
        self.frames = []
        is_text = self.curr_msg_data_type == "text"
        if self.close_sent:
            return
        if is_text and not _is_utf8(message):
            self._fail(1007, "a text message is not valid UTF-8")
        else:
            self._session.receive(message, is_text=is_text)

    def handle_ping(self) -> None:
        """Answer, and note the sign of life."""
        super().handle_ping()
        if self._session is not None:
            self._session.alive()

    def handle_pong(self, event: Frame) -> None:
        """Note the sign of life."""
        if self._session is not None:
            self._session.alive()
        else:
            super().handle_pong(event)

    def pause_reading(self) -> None:
        """Take no more frames for now; what was read already is kept."""
        self._is_paused = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take frames again, those kept first."""
        if self._is_paused:
            self._is_paused = False
            self._schedule_turn()

    def _schedule_turn(self) -> None:
        if not self._has_turn_scheduled:
            self._has_turn_scheduled = True
            self.transport.pause_reading()
            self.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._has_turn_scheduled = False
        if self._session is None or self.transport.is_closing():
            return
        if not self._is_paused:
            self._read(b"")
        if not self._is_paused and not self._has_turn_scheduled:
            self.transport.resume_reading()

    # Writing

    def write(self, rendered: Rendered) -> None:
        """Write frames; `pause_writing` tells when too much is buffered."""
        self.transport.write(rendered)  # pyright: ignore[reportArgumentType]

    def ping(self) -> bool:
        """Send a ping frame."""
        if not self.close_sent:
            self.conn.send_ping(b"")
            self._write_library_output()
        return True

    def pause_writing(self) -> None:
        """Half of what may be buffered for the client is."""
        super().pause_writing()
        if self._session is not None:
            self._session.writing_paused()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        super().resume_writing()
        if self._session is not None:
            self._session.writing_resumed()

    def _write_library_output(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))

    # The end

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what was written; end hard if the client does not answer it in time."""
        if self.close_sent or self.transport.is_closing():
            return
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self._write_library_output()
        self._is_paused = False
        self.transport.resume_reading()
        self._end_soon()

    def handle_close(self, event: Frame) -> None:
        """The client's close frame: its wish, or the answer to ours."""
        if self._session is None:
            super().handle_close(event)
            return
        self._write_library_output()
        received = self.conn.close_rcvd
        self._end_soon()
        self.transport.close()
        self._session.ended(received.code if received is not None else 1005)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, with or without a close frame."""
        super().connection_lost(exc)
        if self._session is not None:
            self._rest = b""
            self._session.ended(1006)

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self._failed()

    def _failed(self) -> None:
        """The client broke the protocol: the library has made the close frame that says how."""
        assert self._session is not None
        sent = self.conn.close_sent
        self._write_library_output()
        self._end_soon()
        self.transport.close()
        self._session.ended(sent.code if sent is not None else 1002)

    def _end_soon(self) -> None:
        self.close_sent = True
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def offered_transport(extensions: dict[str, object]) -> UvicornTransport | None:
    """The fast transport of an ASGI scope, where the server offers it."""
    transport = extensions.get(EXTENSION)
    return transport if isinstance(transport, UvicornTransport) else None
