"""The handshake of the fast transport under uvicorn: from an HTTP request to a `FastTransport`.

uvicorn's own protocol class makes the handshake with the websockets library and calls the application, which takes
the connection over. After that nothing of the handshake is kept, and the ASGI call has returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request

from ..protocol import DEFLATE_WINDOW_BITS, Format
from .handshake import Handshake
from .transport_fast import FastTransport
from .wire import DEFLATED_JSON_FRAMES, JSON_FRAMES, MSGPACK_FRAMES, Wire

if TYPE_CHECKING:
    from .hub import Hub

EXTENSION: Final = "hubbub.transport"
"""The key of the ASGI scope's ``extensions`` under which the protocol offers itself."""

MAX_EARLY_BYTES = 0xFFFF
"""How much a client may send before its handshake is answered."""


class UvicornTransport(WebSocketsSansIOProtocol):
    """A WebSocket connection of uvicorn that an application may take over."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, object]) -> None:
        super().__init__(config, server_state, app_state)
        self._early = b""
        self._is_taken = False
        if config.ws_per_message_deflate:
            self.conn.available_extensions = [deflate_once_for_all()]

    def data_received(self, data: bytes) -> None:
        """Keep what comes between the request and the answer for whoever serves the connection."""
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self.transport.abort()
        else:
            early, self._early = self._early, b""
            super().data_received(early + data)

    def handle_connect(self, event: Request) -> None:
        """Offer this transport to the application."""
        super().handle_connect(event)
        if not self.close_sent:
            cast("dict[str, object]", self.scope.get("extensions"))[EXTENSION] = self

    async def run_asgi(self) -> None:
        """Call the application; the connection ends with the call unless it was taken over."""
        try:
            await self.app(self.scope, self.receive, self.send)  # pyright: ignore
        except Exception:
            self.logger.exception("the application failed")
            self.send_500_response()
        if not self._is_taken and self.close_timer is None:
            self.transport.close()

    def take_over(self, hub: Hub, handshake: Handshake) -> None:
        """Accept the connection and serve it from here on, outside of ASGI."""
        headers = self.response.headers
        del headers["Date"]  # uvicorn has one of its own.
        for name, value in self.default_headers:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        if handshake.subprotocol is not None:
            headers["Sec-WebSocket-Protocol"] = handshake.subprotocol
        self.conn.send_response(self.response)
        response = b"".join(self.conn.data_to_send())
        self._is_taken = self.handshake_complete = True
        if self.config.access_log:
            path = get_path_with_query_string(self.scope)
            self.logger.info('%s - "WebSocket %s" [accepted]', get_client_addr(self.scope), path)
        self.connections.discard(self)
        if self.transport.is_closing():
            return
        connections = cast("set[object]", self.connections)
        extensions = self.conn.extensions
        wire = wire_for(handshake.format, extensions)
        self.conn.parser.close()  # It refers back to its owner, and only the collector would free them.
        fast = FastTransport(hub, self.transport, connections, extensions, wire)
        fast.start(handshake, response, self._early)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone before its handshake was answered, or an ordinary connection has ended."""
        if not self._is_taken:
            super().connection_lost(exc)


def wire_for(format_: Format, extensions: Sequence[Extension]) -> Wire:
    """How frames are rendered for a connection with this format and these extensions."""
    if format_ is Format.MSGPACK:
        return MSGPACK_FRAMES
    for extension in extensions:
        if isinstance(extension, PerMessageDeflate) and extension.local_max_window_bits >= DEFLATE_WINDOW_BITS:
            return DEFLATED_JSON_FRAMES
    return JSON_FRAMES


def deflate_once_for_all() -> ServerPerMessageDeflateFactory:
    """Negotiates compression without context, by which a frame can be compressed once for many clients."""
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        server_max_window_bits=DEFLATE_WINDOW_BITS,
        client_max_window_bits=DEFLATE_WINDOW_BITS,
    )


class Offer(Protocol):
    """What a server puts under `EXTENSION`: a connection that may be taken over."""

    def take_over(self, hub: Hub, handshake: Handshake) -> None:
        """Accept the connection and serve it from here on, outside of ASGI."""
        ...


def offered_transport(extensions: Mapping[str, object]) -> Offer | None:
    """The fast transport of an ASGI scope, where the server offers it."""
    return cast("Offer | None", extensions.get(EXTENSION))
