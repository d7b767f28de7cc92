"""What the URL says about how to connect, to whichever host that is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple, Self, TypeAlias, cast

from redis.asyncio.connection import Connection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

EXPECTED = "expected one such as redis://user:password@host:6379/0, rediss://host:6379 or unix:///path/of/socket"

AnyConnection: TypeAlias = Connection | UnixDomainSocketConnection


class Address(NamedTuple):
    """Where a Redis listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Endpoint:
    """Makes connections as the URL wants them."""

    def __init__(self, url: str) -> None:
        """Raise `ValueError` where ``url`` is none."""
        try:
            options = cast("dict[str, Any]", parse_url(url))
            # Also what is not a connection's option would be found only when it connects.
            self._type = cast("type[AnyConnection]", options.pop("connection_class", Connection))
            self._options: Mapping[str, Any] = options | {
                "protocol": 2,
                # `Link` and the watch have time limits, and two that end in one moment are one too many.
                "socket_timeout": None,
                "socket_connect_timeout": None,
                "retry": Retry(NoBackoff(), 0),
            }
            self._connection(self._options)
        except (ValueError, TypeError, RedisError):  # Not chained: their text may have the password in it.
            raise ValueError(f"not the URL of a Redis: {EXPECTED}") from None
        if self._type is UnixDomainSocketConnection:
            self.address: Address | None = None
            self.place = str(options.get("path"))
            if not self.place.startswith("/"):
                raise ValueError(f"not the URL of a Redis: {EXPECTED}")
        else:
            self.address = Address(options.get("host", "localhost"), options.get("port", 6379))
            self.place = str(self.address)

    def without_login(self, password: str | None) -> Self:
        """The same but for user and database, which others have that are asked about this one."""
        endpoint = copy.copy(self)
        own = {name: value for name, value in self._options.items() if name not in ("username", "password", "db")}
        endpoint._options = {**own, "password": password}
        return endpoint

    def connection(self, address: Address | None = None) -> AnyConnection:
        """A new connection, not yet open, to ``address``, or to where the URL says."""
        if address is None:
            return self._connection(self._options)
        return self._connection({**self._options, "host": address.host, "port": address.port})

    def _connection(self, options: Mapping[str, Any]) -> AnyConnection:
        return self._type(**options)


def parse_host(text: str) -> Address:
    """Read ``host:port``. Raise `ValueError` where it is none."""
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("expected host:port, such as 10.0.0.1:26379")
    return Address(host, int(port))
