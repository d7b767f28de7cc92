"""One connection to one Redis, on which commands go out and replies come in, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias, cast

from redis.exceptions import AuthenticationError, MovedError, NoPermissionError, RedisError, ResponseError

from ...core import LinkLost
from .endpoint import Address, Endpoint

Reply: TypeAlias = "bytes | int | list[Reply] | None"


def command(*words: bytes) -> bytes:
    """A command as it goes over the wire."""
    return b"*%d\r\n%b" % (len(words), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]))


def explain(error: Exception) -> str:
    """What is wrong, and what can be done about it where that is known."""
    reason = (str(error) or type(error).__name__).rstrip(".")
    if isinstance(error, AuthenticationError):
        return f"{reason}; look at user and password in url"
    if isinstance(error, NoPermissionError):
        return f"{reason}; docs/cluster.md lists what its user needs"
    if isinstance(error, MovedError):
        return f"{reason}; it is one of a Redis Cluster: write cluster: true"
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{reason}; name the certificate authority in url: ?ssl_ca_certs=FILE"
    if " connecting to " in reason:  # In redis-py's words, whatever the reason.
        return f"{reason}; look whether it runs, and at host and port in url"
    return reason


class Link:
    """A connection, from `open` until `close`."""

    def __init__(self, endpoint: Endpoint, address: Address | None, timeout: float) -> None:
        """``timeout`` is how many seconds opening may take."""
        self._connection = endpoint.connection(address)
        self._timeout = timeout
        # The client's own types leave open what goes in and what comes back.
        self._write = cast(
            "Callable[..., Coroutine[Any, Any, None]]",
            self._connection.send_packed_command,  # pyright: ignore[reportUnknownMemberType]
        )
        self._read = cast(
            "Callable[[], Coroutine[Any, Any, Reply]]",
            self._connection.read_response,  # pyright: ignore[reportUnknownMemberType]
        )

    async def open(self) -> None:
        """Connect and log in. Raise `LinkLost`."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.connect()  # pyright: ignore[reportUnknownMemberType]
        except TimeoutError:
            raise LinkLost(f"no answer within {self._timeout:g} seconds") from None
        except (RedisError, OSError) as error:
            raise LinkLost(explain(error)) from None

    async def write(self, commands: Iterable[bytes]) -> None:
        """Send commands. Raise `LinkLost`."""
        if not self._connection.is_connected:  # The client would connect again, to nobody's knowledge.
            raise LinkLost("the connection was closed")
        try:
            await self._write([b"".join(commands)], check_health=False)
        except (RedisError, OSError) as error:
            raise LinkLost(explain(error)) from None

    async def read(self) -> Reply | ResponseError:
        """The next reply, however long it takes. Raise `LinkLost`."""
        try:
            return await self._read()
        except ResponseError as error:
            return error
        except (RedisError, OSError) as error:
            raise LinkLost(explain(error)) from None

    async def ask(self, *words: bytes) -> Reply:
        """Send one command and wait for its reply. Raise `LinkLost`, also where Redis refuses it."""
        try:
            async with asyncio.timeout(self._timeout):
                await self.write([command(*words)])
                reply = await self.read()
        except TimeoutError:
            raise LinkLost(f"no answer within {self._timeout:g} seconds") from None
        if isinstance(reply, ResponseError):
            raise LinkLost(explain(reply))
        return reply

    async def close(self) -> None:
        """Disconnect, without waiting for the other side."""
        await self._connection.disconnect(nowait=True)  # pyright: ignore[reportUnknownMemberType]
