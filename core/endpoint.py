"""The WebSocket endpoint: an ASGI connection to a session, over the fastest transport that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from .handshake import Handshake, parse_query
from .transport_asgi import AsgiTransport
from .transport_uvicorn import offered_transport

if TYPE_CHECKING:
    from .hub import Hub


class WebSocketEndpoint:
    """An ASGI application for the WebSockets of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept the connection, so that a browser can read why it may be closed, and serve it to its end."""
        handshake = _handshake(scope, self._hub.proxies.settle(scope))
        transport = offered_transport(cast("Mapping[str, object]", scope.get("extensions") or {}))
        if transport is not None:
            transport.take_over(self._hub, handshake)
            return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        await AsgiTransport(self._hub, handshake.format, receive, send).run(handshake)


class WebSocketsFirst:
    """An application whose WebSockets do not take the way through all of its HTTP middleware.

    What it hands on tells the clients' own addresses, as far as a trusted proxy knows them.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._proxies = hub.proxies
        self._endpoint = WebSocketEndpoint(hub)
        self._path = hub.config.server.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection to the hub's path here, and leave everything else to the application."""
        path = cast("str", scope.get("path", ""))
        if scope["type"] == "websocket" and (path == self._path or path.startswith(f"{self._path}/")):
            scope["path_params"] = {"room": path[len(self._path) + 1 :]}
            await self._endpoint(scope, receive, send)
        else:
            self._proxies.settle(scope)
            await self._app(scope, receive, send)


def _handshake(scope: Scope, address: str) -> Handshake:
    path_parameters = cast("dict[str, str]", scope.get("path_params", {}))
    return Handshake(
        room=path_parameters.get("room", ""),
        query=parse_query(cast(bytes, scope["query_string"])),
        headers=cast("list[tuple[bytes, bytes]]", scope["headers"]),
        subprotocols=cast("list[str]", scope.get("subprotocols", [])),
        address=address,
    )
