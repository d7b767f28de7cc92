"""Asking over HTTP, within bounds: a real server answers."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from aiohttp import web
from hubbub.plugins.auth_http.answer import NoAnswerError
from hubbub.plugins.auth_http.backend import LARGEST, Backend

from .web_server import WebServer, hangs, says

T = TypeVar("T")


def with_backend(
    url: str, use: Callable[[Backend], Awaitable[T]], *, timeout: float = 10.0, at_once: int = 5, waiting: int = 5
) -> T:
    async def run() -> T:
        backend = Backend(url, timeout=timeout, max_concurrent=at_once, max_waiting=waiting)
        try:
            return await use(backend)
        finally:
            await backend.close()

    return asyncio.run(run())


def ask(url: str, timeout: float = 10.0) -> tuple[int, bytes]:
    return with_backend(url, lambda backend: backend.ask(b'{"token": "t0ken"}'), timeout=timeout)


def test_the_question_is_posted_as_json() -> None:
    with WebServer(says({"user": "alice"})) as server:
        assert ask(server.url("/auth?x=1")) == (200, b'{"user": "alice"}')
        assert server.requests == [("/auth", '{"token": "t0ken"}')]


def test_a_redirect_is_not_followed() -> None:
    with WebServer() as server:
        server.answer = says({}, 302, {"Location": server.url("/elsewhere")})
        assert ask(server.url("/auth"))[0] == 302
        assert [path for path, _ in server.requests] == ["/auth"]


def test_an_answer_that_takes_too_long_is_none() -> None:
    with WebServer(hangs) as server, pytest.raises(NoAnswerError, match=r"no answer within 0\.2 seconds"):
        ask(server.url(), timeout=0.2)


def test_an_answer_that_never_ends_is_none() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    with WebServer(endless) as server, pytest.raises(NoAnswerError, match=f"longer than {LARGEST} bytes"):
        ask(server.url())


def test_a_compressed_answer_is_not_unpacked() -> None:
    with WebServer(says(b"\x1f\x8b bomb", headers={"Content-Encoding": "gzip"})) as server:
        assert ask(server.url()) == (200, b"\x1f\x8b bomb")


def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswerError, match="cannot connect: Connection refused"):
        ask(f"http://127.0.0.1:{port}/auth")


def test_a_host_that_cannot_be_found_is_told() -> None:
    with pytest.raises(NoAnswerError, match="its host name cannot be resolved"):
        ask("http://no-such-host.invalid/auth")


def test_a_certificate_that_nobody_vouches_for_or_none_at_all_is_no_answer() -> None:
    with WebServer() as server, pytest.raises(NoAnswerError, match=r"cannot connect|the connection failed"):
        ask(server.url().replace("http://", "https://"))


def test_what_is_no_http_is_no_answer() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        backend = Backend(f"http://127.0.0.1:{port}/", timeout=10, max_concurrent=1, max_waiting=0)
        with pytest.raises(NoAnswerError, match=r"the connection failed: [A-Za-z]+$"):
            await backend.ask(b"{}")
        await backend.close()
        server.close()

    asyncio.run(run())


def test_no_more_are_asked_at_once_and_no_more_wait_than_the_config_says() -> None:
    most = now = 0

    async def count(_: web.Request) -> web.StreamResponse:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return web.Response()

    async def use(backend: Backend) -> list[object]:
        return list(await asyncio.gather(*(backend.ask(b"{}") for _ in range(10)), return_exceptions=True))

    with WebServer(count) as server:
        answers = with_backend(server.url(), use, at_once=2, waiting=4)
    refused = [each for each in answers if isinstance(each, NoAnswerError)]
    assert (len(refused), most) == (4, 2)
    assert str(refused[0]) == "more questions are waiting than max_concurrent and max_waiting allow"
