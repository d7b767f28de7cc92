"""One connection to NATS, from `open` until it is lost, on which many questions are under way at a time."""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError, SlowConsumerError, UnexpectedEOF

from ...core import LinkLost, fail_quietly

CLOSING = 1.0
"""Seconds that NATS is given to take the last bytes."""

_URL = re.compile(
    r"(nats|tls)://(?:([^@/\s]+)@)?((?:\[[0-9a-fA-F:]+\]|[\w.-]+)(?::\d+)?(?:,[^@/,\s]+)*)/?", re.ASCII
)
_SHORT = 9
"""Parts of a reply as ``$JS.ACK.STREAM.CONSUMER.…``; with more, domain and account come before the stream."""

_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+)(?::(\d+))?", re.ASCII)


def has_status(message: Msg, status: str | None = None) -> bool:
    """Whether it is not what was asked for, but NATS says why there is nothing: for any reason, or this."""
    if message.headers is None or "Status" not in message.headers:
        return False
    return status is None or message.headers["Status"] == status


class Endpoint(NamedTuple):
    """Where NATS is, and who logs in."""

    servers: tuple[str, ...]
    user: str | None
    password: str | None
    token: str | None
    needs_tls: bool
    credentials: Path | None = None
    ca_file: Path | None = None

    @classmethod
    def of(cls, url: str, credentials: Path | None, ca_file: Path | None) -> Endpoint:
        """Raise `ValueError` where ``url`` is none, without any part of it, or a file is not what it should be."""
        found = _URL.fullmatch(url)
        hosts = [_HOST.fullmatch(host) for host in found[3].split(",")] if found else []
        if found is None or not all(
            host is not None and int(host[2] or 4222) in range(1, 65536) for host in hosts
        ):
            raise ValueError(
                "The URL of the history's NATS is not one: write nats://user:password@host:4222, or "
                "nats://user:password@one:4222,two:4222 for several servers of a cluster"
            )
        for file, mark in ((credentials, b"BEGIN USER NKEY SEED"), (ca_file, b"BEGIN CERTIFICATE")):
            if file is not None and mark not in _content(file):
                raise ValueError(f"{file} is no such file: it has no {mark.decode()}")
        servers = tuple(f"{host[1]}:{host[2] or 4222}" for host in hosts if host is not None)
        user, has_password, password = (found[2] or "").partition(":")
        names = (unquote(user), unquote(password), None) if has_password else (None, None, unquote(user) or None)
        return cls(servers, *names, found[1] == "tls" or ca_file is not None, credentials, ca_file)


class _Connection(Client):
    needs_tls = False

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # Called before it logs in: it would do so in the clear where NATS, or somebody in between, offers no TLS.
        if initial_connection and self.needs_tls and not info.get("tls_required"):
            raise LinkLost("it offers no TLS; the URL or ca_file asks for it")
        await super()._process_info(info, initial_connection)

    def abort(self) -> None:
        # Closing waits until a frozen server has taken what is buffered: for ever.
        writer = getattr(self._transport, "_io_writer", None)
        if isinstance(writer, asyncio.StreamWriter):
            writer.transport.abort()


class _Answers:
    """What comes in answer to one message."""

    def __init__(self, count: int) -> None:
        self.messages: list[Msg] = []
        self.are_here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count = count

    def take(self, message: Msg) -> None:
        if self.are_here.done():
            return
        self.messages.append(message)
        if len(self.messages) == self._count or has_status(message):
            self.are_here.set_result(None)

    def fail(self, reason: str) -> None:
        fail_quietly(self.are_here, LinkLost(reason))


class Link:
    """A connection to one server of NATS."""

    def __init__(self, endpoint: Endpoint, server: str, timeout: float) -> None:
        """``timeout`` is how many seconds an answer may take until the connection counts as lost."""
        self.server = server
        self._lost: LinkLost | None = None
        self._endpoint = endpoint
        self._timeout = timeout
        self._client = _Connection()
        self._is_open = False
        self._last_error = ""
        self._inbox = ""
        self._questions = 0
        self._answers: dict[str, _Answers] = {}

    @property
    def is_lost(self) -> bool:
        """Whether it is of no use any more."""
        return self._lost is not None

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have."""
        return self._client.max_payload

    @property
    def version(self) -> tuple[int, int]:
        """Of the server."""
        version = self._client.connected_server_version
        return version.major, version.minor

    async def open(self) -> None:
        """Connect and log in. Raise `LinkLost`."""
        endpoint, client = self._endpoint, self._client
        client.needs_tls = endpoint.needs_tls
        try:
            async with asyncio.timeout(self._timeout):
                await client.connect(
                    [f"{'tls' if endpoint.needs_tls else 'nats'}://{self.server}"],
                    name="hubbub history",
                    error_cb=self._failed,
                    closed_cb=self._closed,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    connect_timeout=math.ceil(self._timeout) + 1,  # The one above is first.
                    pending_size=0,  # Nothing is kept for later while NATS is away.
                    flusher_queue_size=0,  # A full one would swallow that the task which fills it is cancelled.
                    tls=_tls(endpoint) if endpoint.needs_tls else None,
                    user=endpoint.user,
                    password=endpoint.password,
                    token=endpoint.token,
                    user_credentials=endpoint.credentials,
                )
                self._inbox = client.new_inbox()
                await client.subscribe(  # pyright: ignore[reportUnknownMemberType]
                    f"{self._inbox}.*", cb=self._take, pending_bytes_limit=0, pending_msgs_limit=0
                )
        except TimeoutError:
            raise LinkLost(f"no answer within {self._timeout:g} seconds") from None
        except (Error, OSError, RuntimeError) as error:
            raise LinkLost(_describe(error)) from None
        self._is_open = True

    async def ask(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, *, patience: float = 0.0
    ) -> Msg:
        """Send a message, and return the answer.

        ``patience`` is how many seconds it may take beyond the usual. Raise `LinkLost`.
        """
        self._questions += 1
        name = f"-{self._questions}"  # No consumer is named so.
        answers = _Answers(1)
        self._answers[name] = answers
        try:
            await self._send(subject, payload, f"{self._inbox}.{name}", headers, answers, patience)
        finally:
            del self._answers[name]
        return answers.messages[0]

    async def fetch(
        self, consumer: str, subject: str, payload: bytes, count: int, *, patience: float
    ) -> list[Msg]:
        """Have a consumer send ``count`` messages, or those up to the first that has a status. Else as `ask`."""
        answers = _Answers(count)
        self._answers[consumer] = answers
        try:
            await self._send(subject, payload, f"{self._inbox}.{consumer}", None, answers, patience)
        finally:
            del self._answers[consumer]
        return answers.messages

    async def _send(
        self,
        subject: str,
        payload: bytes,
        reply: str,
        headers: Mapping[str, str] | None,
        answers: _Answers,
        patience: float,
    ) -> None:
        if self._lost is not None:
            raise LinkLost(*self._lost.args)
        patience += self._timeout
        # `asyncio.timeout` is for tasks, but this may be the first part of one that begins without (see `start`).
        timer = answers.are_here.get_loop().call_later(
            patience, self.lose, f"no answer within {patience:g} seconds"
        )
        try:
            await self._client.publish(subject, payload, reply, dict(headers) if headers else None)
            await answers.are_here
        except MaxPayloadError:
            raise
        except (Error, OSError, RuntimeError) as error:  # The last: uvloop, where the connection is closed.
            self.lose(self._last_error or _describe(error))
            raise LinkLost(self._last_error or _describe(error)) from None
        finally:
            timer.cancel()

    async def tell(self, subject: str, payload: bytes) -> None:
        """Send a message to which no answer is wanted."""
        with suppress(Error, OSError, RuntimeError):
            await self._client.publish(subject, payload)

    async def close(self) -> None:
        """Disconnect; where it was lost already, without waiting for the other side."""
        if self.is_lost or not self._is_open:
            self._client.abort()
        self.lose("closed")
        with suppress(Error, OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSING):
                await self._client.close()
        self._client.abort()

    def lose(self, reason: str) -> None:
        """Let it end, for it is of no use any more."""
        if self._lost is None:
            self._lost = LinkLost(reason)
            for answers in self._answers.values():
                answers.fail(reason)

    async def _take(self, message: Msg) -> None:
        if message.reply.startswith("$JS.ACK."):
            # Out of a stream, and with the subject under which it was published: the reply has whose it is.
            parts = message.reply.split(".")
            name = parts[3] if len(parts) == _SHORT else parts[5]
        else:
            name = message.subject.rpartition(".")[2]
        answers = self._answers.get(name)
        if answers is not None:
            answers.take(message)

    async def _failed(self, error: Exception) -> None:
        if not self._is_open:  # While connecting the first failure is the last.
            raise LinkLost(_describe(error)) from None
        self._last_error = _describe(error)
        if isinstance(error, SlowConsumerError) or "permissions violation" in self._last_error.lower():
            self.lose(self._last_error)

    async def _closed(self) -> None:
        error = self._client.last_error
        self.lose(self._last_error or ("the connection was closed" if error is None else _describe(error)))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:  # `SSLError` is one.
        raise LinkLost(f"{endpoint.ca_file} has no certificates that can be read: {error}") from None


def _describe(error: Exception) -> str:
    if isinstance(error, UnexpectedEOF):
        return "it closed the connection"
    return str(error).removeprefix("nats: ").strip("'") or type(error).__name__
