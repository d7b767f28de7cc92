"""Fetching a key set over HTTP, within bounds: a real server answers."""

import asyncio
import socket

import pytest
from aiohttp import web
from hubbub.plugins.auth_jwt.fetch import LARGEST, fetch
from hubbub.plugins.auth_jwt.key_source import FetchError

from .web_server import WebServer, hangs, says


def get(url: str, timeout: float = 10.0) -> bytes:
    return asyncio.run(fetch(url, timeout))


def test_the_document_is_what_the_url_answers() -> None:
    with WebServer(says({"keys": []})) as server:
        assert get(server.url("/jwks.json")) == b'{"keys": []}'
        assert [path for path, _ in server.requests] == ["/jwks.json"]


@pytest.mark.parametrize("status", [204, 401, 404, 500])
def test_any_status_but_200_is_a_failure(status: int) -> None:
    with (
        WebServer(says({"keys": []}, status)) as server,
        pytest.raises(FetchError, match=f"it answered {status}$"),
    ):
        get(server.url())


def test_a_redirect_is_not_followed() -> None:
    with WebServer() as server:
        server.answer = says({}, 302, {"Location": server.url("/elsewhere")})
        with pytest.raises(
            FetchError, match="it answered 302, and redirects are not followed: write the final URL"
        ):
            get(server.url())
        assert len(server.requests) == 1


def test_a_document_that_never_ends_is_a_failure() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    with WebServer(endless) as server, pytest.raises(FetchError, match=f"longer than {LARGEST} bytes"):
        get(server.url())


def test_a_server_that_hangs_is_a_failure() -> None:
    with WebServer(hangs) as server, pytest.raises(FetchError, match=r"no answer within 0\.2 seconds"):
        get(server.url(), 0.2)


def test_where_nobody_listens_or_nobody_is_the_reason_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match="cannot connect: Connection refused"):
        get(f"http://127.0.0.1:{port}/")
    with pytest.raises(FetchError, match="its host name cannot be resolved"):
        get("http://no-such-host.invalid/")
