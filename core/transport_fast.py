"""The fast transport: WebSocket frames between a socket and a session, without a task or a queue.

The common frame - whole, final, text, masked, while no message is in progress - is unmasked here and goes straight
to the session. Every other frame goes, whole, to the parser of the websockets library, which is the authority on
RFC 6455; it is made when it is first needed, so that an idle connection does not pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from websockets.exceptions import InvalidState
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from ..protocol.client_frames import end_of_frame, head, is_unmasked, is_utf8
from .handshake import Handshake
from .wire import JSON_FRAMES, Rendered, Wire, Writer

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from .hub import Hub

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take its last frames and to answer the close frame."""

FRAMES_PER_TURN = 64
BYTES_PER_TURN = 64 * 1024
"""How much one client gets handled before the others have their turn; one frame may go beyond it."""

_FINAL_TEXT, _MASKED = 0x81, 0x80
_TURN = range(FRAMES_PER_TURN)
_NEVER = -1  # a length that no frame has


class FastTransport(asyncio.Protocol):
    """One WebSocket connection after its handshake."""

    __slots__ = (
        "_close_timer",
        "_common_size",
        "_connections",
        "_extensions",
        "_has_turn_scheduled",
        "_held",
        "_is_closing",
        "_is_discarding",
        "_is_paused",
        "_is_text",
        "_library",
        "_loop",
        "_max_frame_size",
        "_message",
        "_rest",
        "_session",
        "_socket",
        "_wire",
    )

    def __init__(
        self,
        hub: Hub,
        socket: asyncio.Transport,
        connections: set[object],
        extensions: Sequence[Extension] = (),
        wire: Wire = JSON_FRAMES,
    ) -> None:
        """``connections`` are those that the server shuts down, ``extensions`` those of WebSocket agreed on."""
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._connections = connections
        self._extensions = extensions
        self._max_frame_size = hub.config.server.max_frame_size
        self._common_size = self._max_frame_size  # what the library need not see
        self._library: ServerProtocol | None = None
        self._rest = self._held = b""
        self._message: list[bytes] | None = None
        self._is_text = True
        self._is_paused = False
        self._is_closing = self._is_discarding = False
        self._has_turn_scheduled = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._wire = wire
        self._session = hub.new_session(self)
        connections.add(self)
        socket.set_write_buffer_limits(high=hub.config.server.max_outgoing_buffer // 2)
        socket.set_protocol(self)

    @property
    def wire(self) -> Wire:
        """Frames, joined to one write."""
        return self._wire

    @property
    def writer(self) -> Writer:
        """The socket itself."""
        return cast(Writer, self._socket.write)

    def start(self, handshake: Handshake, response: bytes, early: bytes = b"") -> None:
        """Answer the handshake and serve the client. ``early`` is what it has sent already.

        The response and the session's first frames are one write.
        """
        self._held = response
        self._session.open(handshake)
        if not self._session.flush() and self._held:
            self.write(b"")
        self._socket.resume_reading()
        if early:
            self.data_received(early)

    # Reading

    def data_received(self, data: bytes) -> None:
        """Handle the whole frames that are there, as many as a turn allows; keep the rest."""
        if self._is_discarding:
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        size, position = len(data), 0
        for _ in _TURN:
            if self._is_paused:
                break
            start = position + 6  # A masked frame has six bytes at least.
            if start <= size:
                first, second, length = head(data, position)
                if second < _MASKED + 126:
                    length = second - _MASKED
                elif second == _MASKED + 126 and length >= 126:
                    start += 2
                else:
                    length = _NEVER
            elif is_unmasked(data, position):
                first, length = _FINAL_TEXT, _NEVER
            else:
                break
            if first == _FINAL_TEXT and 0 <= length <= self._common_size:
                end = start + length
                if end > size:
                    break
                frame = apply_mask(data[start:end], data[start - 4 : start])
                if frame.isascii() or is_utf8(frame):
                    self._session.receive(frame, is_text=True)
                else:
                    self._fail(1007, "a text frame is not valid UTF-8")
            else:
                end = end_of_frame(data, position, self._max_frame_size)
                if end > size:
                    break
                self._read_by_library(data[position:end])
            position = end
            if position == size:
                return
            if position >= BYTES_PER_TURN:
                self._schedule_turn()
                break
        else:
            self._schedule_turn()
        if not self._socket.is_closing():
            self._rest = data[position:]

    def _read_by_library(self, data: bytes) -> None:
        library = self._open_library()
        library.receive_data(data)
        for frame in cast("list[Frame]", library.events_received()):
            self._handle(frame, library)
        self._write_output(library)
        if library.parser_exc is not None:
            sent = library.close_sent
            self._give_up(sent.code if sent is not None else 1002)
        elif library.current_size is None and library.state is State.OPEN:
            self._library = None

    def _open_library(self) -> ServerProtocol:
        if self._library is None:
            self._library = ServerProtocol(state=State.OPEN, max_size=self._max_frame_size)
            self._library.extensions = list(self._extensions)
        return self._library

    def _handle(self, frame: Frame, library: ServerProtocol) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                self._message = [bytes(frame.data)]
                self._common_size = _NEVER
            case Opcode.CONT if self._message is not None:
                self._message.append(bytes(frame.data))
            case Opcode.CLOSE:
                received = library.close_rcvd
                self._write_output(library)
                self._end(received.code if received is not None else 1005)
                return
            case _:
                self._session.alive()
                return
        if frame.fin:
            self._receive_message()

    def _receive_message(self) -> None:
        message, self._message = b"".join(self._message or ()), None
        if self._is_closing:
            return
        self._common_size = self._max_frame_size
        if self._is_text and not is_utf8(message):
            self._fail(1007, "a text message is not valid UTF-8")
        else:
            self._session.receive(message, is_text=self._is_text)

    def pause_reading(self) -> None:
        """Take no more frames for now; what was read already is kept."""
        self._is_paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Take frames again, those kept first."""
        if self._is_paused:
            self._is_paused = False
            self._schedule_turn()

    def _schedule_turn(self) -> None:
        if not self._has_turn_scheduled:
            self._has_turn_scheduled = True
            self._socket.pause_reading()
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._has_turn_scheduled = False
        if self._socket.is_closing():
            return
        if not self._is_paused:
            self.data_received(b"")
        if not self._is_paused and not self._has_turn_scheduled:
            self._socket.resume_reading()

    # Writing

    def write(self, rendered: Rendered) -> None:
        """Write frames, after the answer to the handshake; `pause_writing` tells when too much is buffered."""
        output: bytes = rendered  # pyright: ignore[reportAssignmentType] # what its wire renders
        if self._held:
            output, self._held = self._held + output, b""
        self._socket.write(output)

    def ping(self) -> bool:
        """Send a ping frame, unless the client is gone."""
        if not self._is_closing and not self._socket.is_closing():
            self.write(b"\x89\x00")
        return True

    def pause_writing(self) -> None:
        """Half of what may be buffered for the client is."""
        self._session.writing_paused()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self._session.writing_resumed()

    def _write_output(self, library: ServerProtocol) -> None:
        output = b"".join(library.data_to_send())
        if output:
            self.write(output)

    # The end

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what was written; end hard if the client does not answer it in time."""
        if self._is_closing or self._socket.is_closing():
            return
        library = self._open_library()
        try:
            library.send_close(code, reason)
        except InvalidState:
            self._socket.abort()
            return
        self._write_output(library)
        self._start_closing()
        if self._is_paused:
            self.resume_reading()

    def shutdown(self) -> None:
        """Called by uvicorn for each connection that is left when it ends."""
        self.close(1012, "the server ends")
        self._socket.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, with or without a close frame."""
        del exc
        self._connections.discard(self)
        self._rest = b""
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._session.ended(1006)
        del self._session  # They refer to each other, and only the collector would free them.

    def _fail(self, code: int, reason: str) -> None:
        """End the connection of a client that broke the protocol."""
        library = self._open_library()
        library.fail(code, reason)
        self._write_output(library)
        self._give_up(code)

    def _give_up(self, code: int) -> None:
        """Read on without looking, for a while: a socket closed with unread bytes loses the close frame."""
        self._is_discarding = True
        self._start_closing()
        self._session.ended(code)
        self._socket.write_eof()

    def _end(self, code: int) -> None:
        """The closing handshake is complete, or will not be: let go of the socket once it is written."""
        self._start_closing()
        self._socket.close()
        self._session.ended(code)

    def _start_closing(self) -> None:
        self._is_closing = True
        self._common_size = _NEVER
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self._socket.abort)
