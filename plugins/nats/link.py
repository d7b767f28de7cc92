"""One connection to NATS, from `open` until it is lost: it does not come back by itself."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, SlowConsumerError, UnexpectedEOF
from pydantic import SecretStr

from ...core import LinkLost, fail_quietly
from .config import NatsConfig

logger = logging.getLogger(__name__)

CLOSING = 1.0
"""Seconds that NATS is given to take the last bytes."""
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')


class _Connection(Client):
    """The client, where it leaves out what is needed here."""

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


class Link:
    """A connection to one server of NATS."""

    def __init__(
        self,
        config: NatsConfig,
        server: str,
        name: str,
        arrived: Callable[[str, bytes], None],
        denied: Callable[[str], bool],
    ) -> None:
        """``arrived`` takes what comes, with its subject.

        ``denied`` takes a subject, in small letters, to which it may not publish, and returns whether it tried to.
        """
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._config = config
        self._server = server
        self._name = name
        self._arrived = arrived
        self._denied = denied
        self._client = _Connection()
        self._is_open = False
        self._is_closing = False
        self._last_error = ""
        self._subscriptions: dict[str, Subscription] = {}

    async def open(self) -> None:
        """Connect and log in. Raise `LinkLost`."""
        config = self._config
        self._client.needs_tls = self._server.startswith("tls://") or config.ca_file is not None
        try:
            async with asyncio.timeout(config.timeout):
                await self._client.connect(
                    [self._server],
                    name=self._name,
                    error_cb=self._failed,
                    closed_cb=self._closed,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    connect_timeout=math.ceil(config.timeout) + 1,  # The one above is first.
                    pending_size=0,  # Nothing is kept for later while NATS is away.
                    flusher_queue_size=0,  # A full one would swallow that the task which fills it is cancelled.
                    tls=_tls(config) if self._client.needs_tls else None,
                    user=config.user,
                    password=_secret(config.password) or ("" if config.user is not None else None),
                    token=_secret(config.token),
                    user_credentials=config.credentials,
                    nkeys_seed_str=_secret(config.nkey),
                )
        except TimeoutError:
            raise LinkLost(f"no answer within {config.timeout:g} seconds") from None
        except (Error, OSError) as error:
            raise LinkLost(self._explain(error)) from None
        self._is_open = True

    @property
    def max_payload(self) -> int:
        """Bytes that one publication may have."""
        return self._client.max_payload

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send something to a subject. Raise `LinkLost`."""
        try:
            await self._client.publish(subject, payload)
        except (Error, OSError) as error:
            raise LinkLost(self._last_error or _describe(error)) from None

    async def subscribe(self, subject: str) -> None:
        """Subscribe. Raise `LinkLost`."""
        if subject in self._subscriptions:
            return
        try:
            self._subscriptions[subject] = await self._client.subscribe(  # pyright: ignore[reportUnknownMemberType]
                subject, cb=self._take
            )
        except (Error, OSError) as error:
            raise LinkLost(self._last_error or _describe(error)) from None

    async def unsubscribe(self, subject: str) -> None:
        """Unsubscribe. Raise `LinkLost`."""
        subscription = self._subscriptions.pop(subject, None)
        if subscription is not None:
            try:
                await subscription.unsubscribe()
            except (Error, OSError) as error:
                raise LinkLost(self._last_error or _describe(error)) from None

    async def close(self) -> None:
        """Disconnect; where it was lost already, without waiting for the other side."""
        if self.lost.done() or not self._is_open:
            self._client.abort()
        self.lose("closed")
        self._is_closing = True
        with suppress(Error, OSError, TimeoutError):
            async with asyncio.timeout(CLOSING):
                await self._client.close()
        self._client.abort()

    def lose(self, reason: str) -> None:
        """Let it end, for it is of no use any more."""
        fail_quietly(self.lost, LinkLost(reason))

    async def _take(self, message: Msg) -> None:
        try:
            self._arrived(message.subject, message.data)
        except Exception:
            logger.exception("what came through the subject %r was lost", message.subject)

    async def _failed(self, error: Exception) -> None:
        if self._is_closing:
            return
        if not self._is_open:  # While connecting the first failure is the last.
            raise LinkLost(self._explain(error)) from None
        denied = _DENIED.search(str(error))
        if isinstance(error, SlowConsumerError):
            self.lose("more came than could be handled")
        elif denied is None:
            self._last_error = self._explain(error)
        elif denied[1] != "publish" or not self._denied(denied[2]):
            self.lose(f"NATS does not allow the {denied[1]} to {denied[2]}")

    async def _closed(self) -> None:
        error = self._client.last_error
        self.lose(self._last_error or ("the connection was closed" if error is None else self._explain(error)))

    def _explain(self, error: Exception) -> str:
        """What is wrong, and what can be done about it where that is known."""
        reason = _describe(error)
        if "authorization violation" in reason.lower():
            ways = ("user", "token", "credentials", "nkey")
            way = next((each for each in ways if getattr(self._config, each) is not None), None)
            if way is None:
                return f"{reason}; it wants a login: write user and password, token, credentials or nkey"
            return f"{reason}; look at {'user and password' if way == 'user' else way}"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return f"{reason}; name the certificate authority in ca_file"
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return f"{reason}; look whether it runs, and at host and port in servers"
        return reason


def _tls(config: NatsConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:  # `SSLError` is one.
        raise LinkLost(f"{config.ca_file} has no certificates that can be read: {error}") from None


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _describe(error: Exception) -> str:
    if isinstance(error, UnexpectedEOF):
        return "it closed the connection"
    return str(error).removeprefix("nats: ").strip("'") or type(error).__name__
