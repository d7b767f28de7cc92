"""The page for people with a browser, served at ``/``."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Lets a page have nothing that does not come from this server, and nobody frame it."""

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


def page_routes(websocket_path: str, *, names_are_chosen: bool = True) -> list[BaseRoute]:
    """The page at ``/`` and its parts at ``/page/<file>``; read once, at the start.

    ``names_are_chosen`` is whether visitors say who they are, and not credentials.
    """
    folder = files("hubbub.core") / "page"
    parts = {part.name: part.read_bytes() for part in folder.iterdir() if part.is_file()}
    index = parts.pop("index.html").decode()
    index = index.replace('content="/ws"', f'content="{escape(websocket_path)}"')
    if not names_are_chosen:
        index = index.replace('content="chosen"', 'content="given"')

    async def page(_: Request) -> Response:
        return HTMLResponse(index, headers=PAGE_HEADERS)

    async def part(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in parts:
            return Response("There is no such part of the page.", status_code=404, media_type="text/plain")
        media_type = _MEDIA_TYPES.get(name[name.rfind(".") :], "application/octet-stream")
        return Response(parts[name], media_type=media_type, headers=PAGE_HEADERS)

    return [Route("/", page), Route("/page/{name}", part)]
