"""The WebSocket endpoint: an ASGI connection to a session, over the fastest transport that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.types import Receive, Scope, Send

from .handshake import Handshake, parse_headers, parse_query
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
        handshake = _handshake(scope)
        transport = offered_transport(cast("dict[str, object]", scope.get("extensions") or {}))
        if transport is not None:
            transport.take_over(self._hub, handshake)
            return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        await AsgiTransport(self._hub, handshake.format, receive, send).run(handshake)


def _handshake(scope: Scope) -> Handshake:
    path_parameters = cast("dict[str, str]", scope.get("path_params", {}))
    client = cast("tuple[str, int] | None", scope.get("client"))
    return Handshake(
        room=path_parameters.get("room", ""),
        query=parse_query(cast(bytes, scope["query_string"])),
        headers=parse_headers(cast("list[tuple[bytes, bytes]]", scope["headers"])),
        subprotocols=cast("list[str]", scope.get("subprotocols", [])),
        address=client[0] if client else "",
    )
