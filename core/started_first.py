"""Starts a hub that nobody has started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from .hub import Hub


class StartedFirst:
    """An application whose hub starts at the first request, if nobody has started it.

    An application in which it is mounted does not run its lifespan, and may have forgotten to run that of the hub.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the hub, and go on; a WebSocket is refused where it cannot start."""
        hub = self._hub
        if not hub.is_ready and scope["type"] in ("http", "websocket"):
            is_ready = await hub.start_if_forgotten()
            if scope["type"] == "websocket" and not is_ready and not hub.manager.is_draining:
                await receive()
                await send({"type": "websocket.close", "code": 1013})
                return
        await self._app(scope, receive, send)
