"""The shortest way from an HTTP request to a `FastTransport`, for the server that `hubbub serve` runs.

uvicorn has parsed the request; the websockets library says whether it is a handshake and what answers it; the
application is called within the same callback, and takes the connection over without ever waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions import Extension
from websockets.http11 import Request
from websockets.server import ServerProtocol

from .guarded_http import GuardedHttp, answer
from .handshake import Handshake
from .transport_fast import FastTransport
from .transport_uvicorn import EXTENSION, deflate_once_for_all, wire_for

if TYPE_CHECKING:
    from .hub import Hub


class UvicornHttp(GuardedHttp):
    """uvicorn's HTTP protocol with a way of its own for WebSockets."""

    def handle_websocket_upgrade(self) -> None:
        """Answer the handshake; where many come at once, in one of the next turns of the event loop."""
        self._request_is_whole()
        if not self._guard.handshakes.run(self._answer_handshake):
            self.transport.pause_reading()

    def _answer_handshake(self) -> None:
        """Leave the connection to the application if it wants it."""
        self.connections.discard(self)
        if self.transport.is_closing():
            return
        request = Request(
            self.url.decode("latin-1"), self._headers(), self.scope["method"], f"HTTP/{self.scope['http_version']}"
        )
        library = _library(has_compression=self.config.ws_per_message_deflate)
        try:
            accept, extensions, _ = library.process_request(request)
        except InvalidHandshake:
            self._end(library.accept(request).serialize())
            return
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {accept}")
        if extensions is not None:
            lines.append(f"Sec-WebSocket-Extensions: {extensions}")
        offer = _Offer(self, lines, library.extensions)
        scope = self._websocket_scope(request, offer)
        self._run_at_once(self.app(scope, _no_messages, _no_messages))  # pyright: ignore[reportUnknownMemberType]
        if not offer.is_taken:
            self._end(answer(HTTPStatus.NOT_FOUND, f"There is no WebSocket here: it is at {self._guard.path}."))

    def _headers(self) -> Headers:
        headers = Headers()
        for name, value in self.scope["headers"]:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        return headers

    def _websocket_scope(self, request: Request, offer: _Offer) -> Any:
        path, _, query = request.path.partition("?")
        offered = request.headers.get_all("Sec-WebSocket-Protocol")
        return {
            **self.scope,
            "type": "websocket",
            "scheme": self.scope["scheme"].replace("http", "ws"),
            "path": self.root_path + unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "subprotocols": [each.strip() for value in offered for each in value.split(",")],
            "extensions": {EXTENSION: offer},
        }

    def _run_at_once(self, application: Any) -> None:
        try:
            application.send(None)
        except (StopIteration, _NotTakenOverError):
            return
        except Exception:
            self.logger.exception("the application failed")
        else:
            application.close()


class _Offer:
    """The connection, for the application to take over."""

    def __init__(self, http: UvicornHttp, response: list[str], extensions: Sequence[Extension]) -> None:
        self._http = http
        self._response = response
        self._extensions = extensions
        self.is_taken = False

    def take_over(self, hub: Hub, handshake: Handshake) -> None:
        """Accept the connection and serve it from here on, outside of ASGI."""
        http = self._http
        for name, value in http.server_state.default_headers:
            self._response.append(f"{name.decode('latin-1')}: {value.decode('latin-1')}")
        if handshake.subprotocol is not None:
            self._response.append(f"Sec-WebSocket-Protocol: {handshake.subprotocol}")
        if http.config.access_log:
            http.logger.info('%s - "WebSocket %s" [accepted]', handshake.address, http.url.decode("latin-1"))
        response = "\r\n".join((*self._response, "", "")).encode("latin-1")
        connections = cast("set[object]", http.connections)
        wire = wire_for(handshake.format, self._extensions)
        fast = FastTransport(hub, http.transport, connections, self._extensions, wire)
        self.is_taken = True
        fast.start(handshake, response)


class _NotTakenOverError(Exception):
    """An application wants messages: only a connection that it takes over is served here."""


async def _no_messages(*_: object) -> NoReturn:
    raise _NotTakenOverError


@cache
def _library(*, has_compression: bool) -> ServerProtocol:
    """Judges requests one after the other: nothing of one is used after the next has come."""
    return ServerProtocol(extensions=[deflate_once_for_all()] if has_compression else [])
