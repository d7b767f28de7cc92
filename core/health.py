"""What a load balancer asks: is the process alive, and may it get traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from .hub import Hub


def health_routes(hub: Hub) -> list[BaseRoute]:
    """``/healthz`` answers while the process lives; ``/readyz`` is 503 before the start and while draining."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        if hub.is_ready and hub.manager.troubles:
            return JSONResponse({"status": "unavailable", "troubles": hub.manager.troubles}, status_code=503)
        if hub.is_ready:
            return JSONResponse({"status": "ready", "connections": len(hub.manager.connections)})
        status = "draining" if hub.manager.is_draining else "starting"
        return JSONResponse({"status": status}, status_code=503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
