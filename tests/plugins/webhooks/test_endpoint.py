"""The endpoint of webhooks over real sockets, with receivers of every kind."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeVar

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hubbub.plugins.webhooks.endpoint import READ_AT_MOST, Answer, Endpoint, judge, seconds_of
from hubbub.plugins.webhooks.payload import Batch
from hubbub.plugins.webhooks.signature import key_of
from yarl import URL

from .http_receiver import OK, Reply, Request, receiver, saying
from .receivers import SECRET
from .test_signature import is_genuine

T = TypeVar("T")

BATCH = Batch("server-1", b'{"type":"hubbub.events"}', 0, 1)


@asynccontextmanager
async def endpoint(url: str, seconds: float = 20.0) -> AsyncGenerator[Endpoint]:
    opened = Endpoint(url, [key_of(SECRET)], seconds)
    try:
        yield opened
    finally:
        await opened.close()


def run(test: Coroutine[None, None, T]) -> T:
    return asyncio.run(test)


async def answer_of(reply: Reply, seconds: float = 20.0) -> tuple[Answer, list[Request]]:
    """What becomes of one batch for a receiver that replies so."""
    async with receiver(reply) as (url, requests), endpoint(url, seconds) as sender:
        return await sender.post(BATCH), requests


def test_a_batch_is_posted_as_json_and_its_signature_is_genuine() -> None:
    answer, (request,) = run(answer_of(OK))
    assert answer.verdict == "accepted"
    assert request.line == "POST /hook?key=1 HTTP/1.1"
    assert request.body == BATCH.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "server-1"
    assert is_genuine()(SECRET, request.headers, request.body)
    assert "cookie" not in request.headers


def test_the_same_connection_is_used_again_after_a_short_answer() -> None:
    async def test() -> None:
        async def in_pieces(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.write(b"ok")

        async with (
            receiver(in_pieces) as (url, requests),
            endpoint(url.replace("127.0.0.1", "localhost")) as sender,
        ):
            for _ in range(3):
                assert (await sender.post(BATCH)).verdict == "accepted"
            assert [request.connection for request in requests] == [1, 1, 1]
            assert not any("cookie" in request.headers for request in requests)

    run(test())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, "accepted") for status in (200, 201, 202, 204, 299)),
        *((status, "failed") for status in (408, 425, 429, 500, 502, 503, 504, 599)),
        *((status, "refused") for status in (101, 301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422)),
    ],
)
def test_a_status_means_that_a_batch_is_accepted_failed_or_refused(status: int, verdict: str) -> None:
    assert judge(status, None).verdict == verdict
    assert str(status) in judge(status, None).reason


def test_a_redirect_is_not_followed() -> None:
    async def test() -> None:
        async with receiver(OK) as (elsewhere, got):
            away = saying(f"HTTP/1.1 307 Elsewhere\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n")
            answer, _ = await answer_of(away)
            assert (answer.verdict, got) == ("refused", [])
            assert "put the final URL into url" in answer.reason

    run(test())


def test_a_wait_that_the_receiver_asks_for_is_passed_on() -> None:
    busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    answer, _ = run(answer_of(saying(busy)))
    assert (answer.verdict, answer.retry_after) == ("failed", 7.0)


def test_a_wait_may_be_given_in_seconds_or_as_a_date_and_nonsense_is_ignored() -> None:
    assert seconds_of("120") == 120.0
    assert (seconds_of("9" * 8000) or 0) > 100_000
    in_a_minute = seconds_of(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True))
    assert in_a_minute == pytest.approx(60, abs=2)
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert seconds_of("Wed, 21 Oct 2015 07:28:00") == 0.0
    for nonsense in (None, "", "-1", "soon", "1.5", "²", "Wed, 99 Oct 99999999999999999999 07:28:00 GMT"):
        assert seconds_of(nonsense) is None


def test_a_receiver_that_hangs_costs_no_more_than_the_timeout() -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.get_running_loop().create_future()

    answer, (request,) = run(answer_of(hang, seconds=0.1))
    assert answer == Answer("failed", "no answer within 0.1 seconds")
    assert request.body == BATCH.body


def test_a_receiver_that_closes_at_once_fails() -> None:
    async def close(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    answer, _ = run(answer_of(close))
    assert answer.verdict == "failed"
    assert answer.reason.startswith("the connection failed: ")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\x16\x03\x01 this is my-secret-note no HTTP\r\n\r\n",
        b"HTTP/1.1 my-secret-note OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nmy-secret-note\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmy-secret-note\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(5000)) + b"\r\n",
    ],
)
def test_garbage_fails_and_is_not_repeated(garbage: bytes) -> None:
    answer, _ = run(answer_of(saying(garbage)))
    assert answer.verdict == "failed"
    assert "my-secret-note" not in answer.reason


def test_of_an_endless_answer_only_the_beginning_is_read() -> None:
    written = 0

    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * READ_AT_MOST)
            await writer.drain()
            written += READ_AT_MOST

    answer, _ = run(answer_of(endless))
    assert answer.verdict == "accepted"
    assert written < 32 * 1024 * 1024  # What the buffers of the kernel hold, and no more.


def test_a_body_that_never_comes_or_breaks_off_does_not_matter() -> None:
    async def break_off(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await writer.drain()
        writer.close()

    for reply in (saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), break_off):
        answer, _ = run(answer_of(reply))
        assert answer.verdict == "accepted"


def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    for body in (bomb, bytes(len(bomb))):
        assert run(answer_of(saying(head.encode() + body)))[0].verdict == "accepted"


def test_nobody_at_the_address_fails() -> None:
    async def test() -> None:
        with socket.socket() as bound:  # Bound, but not listening: the port stays free of others.
            bound.bind(("127.0.0.1", 0))
            async with endpoint(f"http://127.0.0.1:{bound.getsockname()[1]}/") as sender:
                assert await sender.post(BATCH) == Answer("failed", "cannot connect: Connection refused")

    run(test())


def test_a_receiver_that_speaks_no_tls_fails() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server, endpoint(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as sender:
            answer = await sender.post(BATCH)
        assert answer.verdict == "failed"
        assert answer.reason.startswith("cannot connect: ")

    run(test())


def test_a_certificate_that_is_not_accepted_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = ssl.SSLCertVerificationError()
    failure.verify_message = "self-signed certificate"
    key = ConnectionKey("example.com", 443, True, True, None, None, None)

    def refuse(*_: object, **__: object) -> None:
        raise aiohttp.ClientConnectorCertificateError(key, failure)

    async def test() -> Answer:
        monkeypatch.setattr(aiohttp.ClientSession, "post", refuse)
        async with endpoint("https://example.com/") as sender:
            return await sender.post(BATCH)

    assert run(test()) == Answer("failed", "its TLS certificate is not accepted: self-signed certificate")


def test_a_user_and_a_password_in_the_url_go_to_the_receiver_and_into_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def test() -> None:
        async with receiver(OK) as (url, requests):
            parsed = URL(url).with_user("hub").with_password("pass-phrase")
            async with endpoint(str(parsed)) as sender:
                await sender.post(BATCH)
            assert requests[0].headers["authorization"] == f"Basic {base64.b64encode(b'hub:pass-phrase').decode()}"

    run(test())
    assert "pass-phrase" not in caplog.text


def test_a_batch_of_megabytes_is_sent_whole() -> None:
    async def test() -> None:
        batch = Batch("server-1", b"x" * 3_000_000, 0, 1)
        async with receiver(OK) as (url, requests), endpoint(url) as sender:
            assert (await sender.post(batch)).verdict == "accepted"
            assert requests[0].body == batch.body
            assert is_genuine()(SECRET, requests[0].headers, requests[0].body)

    run(test())
