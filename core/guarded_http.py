"""uvicorn's HTTP protocol behind limits: of time, of size, and of how many connections may be open at once.

uvicorn waits for ever for the rest of a request, and takes headers of any number and length.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from typing import Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from .client_address import TrustedProxies, normal
from .config_server import ServerConfig
from .half_open import HalfOpen
from .proxy_protocol import BadProxyHeaderError, read_proxy_header
from .turns import Turns

logger = logging.getLogger(__name__)

MAX_LINE: Final = 8 * 1024
"""Bytes of one header, or of the first line of a request; websockets reads no longer ones."""

MAX_URL: Final = MAX_LINE - 64
"""Bytes of a URL; a token may stand in it."""

MAX_HEAD: Final = 32 * 1024
"""Bytes of a request before its body."""

MAX_HEADERS: Final = 100
MAX_PIPELINED: Final = 16
"""Requests of one connection that may wait for the answers to earlier ones."""

HANDSHAKES_PER_TURN: Final = 16
"""WebSocket handshakes in one turn of the event loop: a few milliseconds, as a broadcast may take."""


class Guard(ServerState):
    """What uvicorn's protocols of one server share, and the limits that hold for them together."""

    def __init__(self, config: ServerConfig, max_sockets: int) -> None:
        """``max_sockets`` is how many connections of any kind there may be."""
        super().__init__()
        self.half_open = HalfOpen(config.max_handshakes, config.handshake_timeout)
        self.handshakes = Turns(HANDSHAKES_PER_TURN)
        self.path = config.path
        self._proxies = TrustedProxies(config.trusted_proxies)
        self._has_proxy_protocol = config.proxy_protocol
        self._max_sockets = max_sockets
        self._has_warned = False

    def opened(self, connection: GuardedHttp) -> None:
        """Count ``connection``, which is among uvicorn's already; cut the oldest half-open one of too many."""
        self.half_open.add(connection)
        if len(self.connections) > self._max_sockets:
            self.half_open.cut_oldest("max_connections")

    def expects_proxy_header(self, peer: str) -> bool:
        """Whether connections from this address must begin with a PROXY header."""
        return self._has_proxy_protocol and self._proxies.trust(normal(peer))

    def warn(self, peer: str, error: BadProxyHeaderError) -> None:
        """Say once that a proxy speaks something else."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "the trusted proxy %s sends no PROXY header: %s. Let it send one (HAProxy: send-proxy, nginx: "
                "proxy_protocol on), or switch server.proxy_protocol off",
                peer,
                error,
            )


class GuardedHttp(HttpToolsProtocol):
    """An HTTP connection that cannot be kept half-open, or filled, without end."""

    def __init__(
        self,
        config: Config,
        server_state: Guard,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard = server_state
        self._received = 0
        """Bytes of the request that is coming in, since the last that were its body."""
        self._is_in_head = False
        self._proxy_header: bytes | None = None
        """What has come of the PROXY header that is awaited."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Note a new connection; it has to send a request from now on."""
        super().connection_made(transport)
        if self.client is None and transport.get_extra_info("socket").family != socket.AF_UNIX:
            transport.abort()  # Gone already, as some health checks are: nobody knows who it was.
        self._guard.opened(self)
        if self._guard.expects_proxy_header(self.client[0] if self.client else ""):
            self._proxy_header = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._guard.half_open.discard(self)
        super().connection_lost(exc)

    def cut(self) -> None:
        """End at once; who was sending a request is told why, if there is room for it."""
        if self._may_answer and not self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self.transport.write(answer(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time."))
            self.transport.close()
        if self.transport.get_write_buffer_size() or not self.transport.is_closing():
            self.transport.abort()

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket; after a refusal, or a handshake, nobody wants them."""
        if self._proxy_header is not None:
            data = self._after_proxy_header(self._proxy_header + data)
        if self.parser is None or not data:
            return
        self._unset_keepalive_if_required()
        self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError as error:
            told = error.__context__
            if isinstance(told, _RefusedError):
                self._refuse(told.status, told.message)
            else:
                peer = self.client[0] if self.client else "a client"
                logger.info("%s sends what is no HTTP%s", peer, _TLS if data[:2] == b"\x16\x03" else "")
                self._refuse(HTTPStatus.BAD_REQUEST, "This is not HTTP.")
        else:
            if self._received > MAX_HEAD or len(self.headers or ()) > MAX_HEADERS:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)

    def _after_proxy_header(self, data: bytes) -> bytes:
        peer = self.client[0] if self.client else ""
        try:
            header = read_proxy_header(data)
        except BadProxyHeaderError as error:
            self._guard.warn(peer, error)
            self._proxy_header = None
            self._refuse(HTTPStatus.BAD_REQUEST, "A PROXY header has to come first.")
            return b""
        if header is None:
            self._proxy_header = data
            return b""
        self._proxy_header = None
        if header.client is not None:
            self.client = header.client
        return data[header.size :]

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Let a request go to the application, or refuse one that is out of all proportion."""
        self._is_in_head = False
        if len(self.url) > MAX_URL:
            raise _RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, f"A URL may have {MAX_URL} bytes at most.")
        if len(self.headers) > MAX_HEADERS or (self._received > MAX_LINE and self._is_head_too_large()):
            raise _RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "Wait for the answers to earlier requests.")
        super().on_headers_complete()

    def _is_head_too_large(self) -> bool:
        lines = [len(name) + len(value) + len(": \r\n") for name, value in self.headers]
        return len(self.url) + sum(lines) > MAX_HEAD or max(lines, default=0) > MAX_LINE

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; what follows the last one is limited as the head is (RFC 9112 section 7.1)."""
        super().on_body(body)
        self._received = 0

    def on_message_complete(self) -> None:
        """Note that a request has come as a whole; one that was answered before makes way for the next."""
        super().on_message_complete()
        self._received = 0
        if self._is_answering:
            self._guard.half_open.discard(self)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None or self.transport.is_closing():
            self._guard.half_open.add(self)

    # Answering

    @property
    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    @property
    def _may_answer(self) -> bool:
        """Whether a request is coming in that has not been answered, and no other one is being answered."""
        if self._is_in_head:
            return not self._is_answering
        return self._is_answering and not self.cycle.response_started

    def pause_writing(self) -> None:
        """Give who does not read an answer as long as who does not send a request."""
        super().pause_writing()
        self._guard.half_open.add(self)

    def resume_writing(self) -> None:
        """Note that the client reads."""
        super().resume_writing()
        if self._is_answering:
            self._guard.half_open.discard(self)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Say why no request is taken any more, and read on without looking: closing now would lose the answer."""
        self._forget_parser()
        if self._is_answering:
            self.transport.abort()
            return
        self.transport.write(answer(status, message))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._guard.half_open.add(self)

    def _end(self, response: bytes) -> None:
        """Answer a request for the last time."""
        self.transport.write(response)
        self.transport.close()
        self._guard.half_open.add(self)

    def _forget_parser(self) -> None:
        self.parser = None  # It refers back to this object, and only the collector would free them.

    def _request_is_whole(self) -> None:
        """Take nothing more: the request goes to another protocol."""
        self._guard.half_open.discard(self)
        self._forget_parser()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to uvicorn's WebSocket protocol, with the address that a proxy has told."""
        super().handle_websocket_upgrade()
        self._request_is_whole()
        protocol = cast(WebSocketsSansIOProtocol, self.transport.get_protocol())
        if not protocol.handshake_initiated:
            self._end(answer(HTTPStatus.BAD_REQUEST, "This is no WebSocket handshake."))
        elif not protocol.close_sent:
            protocol.scope["client"] = self.client  # The application has not seen it yet.


class _RefusedError(Exception):
    """A request that is too much of something."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


_TLS: Final = ", but TLS, which this port does not speak: put a proxy in front"
_TOO_LARGE: Final = (
    f"A request may have {MAX_HEADERS} headers of {MAX_LINE} bytes each, and {MAX_HEAD} bytes before its body."
)


def answer(status: HTTPStatus, message: str) -> bytes:
    """A whole response of one line of text, after which the connection is closed."""
    body = f"{message}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
