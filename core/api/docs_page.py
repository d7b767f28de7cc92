"""The page at ``/docs``, which shows the OpenAPI document and tries requests, without anything from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from ..browser import PAGE_HEADERS

_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css"}


def docs_routes() -> list[BaseRoute]:
    """The page, and its parts at ``/docs/<file>``; read once, at the start."""
    parts = {part.name: part.read_bytes() for part in (files("hubbub.core.api") / "page").iterdir()}
    index = parts.pop("docs.html")

    async def page(_: Request) -> Response:
        return HTMLResponse(index, headers=PAGE_HEADERS)

    async def part(request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in parts:
            return Response("There is no such part of the page.", status_code=404, media_type="text/plain")
        return Response(parts[name], media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=PAGE_HEADERS)

    return [Route("/docs", page), Route("/docs/{name}", part)]
