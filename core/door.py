"""What is asked of a client before anything else: does its web page belong here, does it come too often."""

from __future__ import annotations

from collections.abc import Callable

from ..protocol import Rejected
from .client_address import is_secure, subnet
from .config_server import ServerConfig
from .connect_rate import ConnectRate
from .handshake import Handshake
from .origins import Origins

_LONGEST_SHOWN = 60


class Door:
    """The first check of every connection, before its client says who it is."""

    def __init__(self, config: ServerConfig, now: Callable[[], float]) -> None:
        """``now`` tells the time in seconds, from any start."""
        self._origins = Origins(config.origins)
        self._rate = ConnectRate(config.connects_per_minute_per_address, now)

    def check(self, handshake: Handshake) -> None:
        """Raise `Rejected`, with the close code, where the client may not come in. Call once for each connection.

        What the headers tell of a proxy's client is believed: `TrustedProxies.settle` has seen to that.
        """
        wait = self._rate.take(subnet(handshake.address))
        if wait is not None:
            raise Rejected(
                "unavailable",
                f"Too many connects from your address: come back in {wait:g} s. "
                "(server.connects_per_minute_per_address)",
                retry_after=wait,
                close=1013,
            )
        if not self._origins.allows_all:
            self._check_origin(handshake)

    def _check_origin(self, handshake: Handshake) -> None:
        headers = handshake.headers
        origin = headers.get("origin")
        if origin is None:
            return  # Every browser sends it: this is none, and carries nobody's cookies but its own.
        secure = is_secure(headers.get("x-forwarded-proto", ""))
        host, asked = headers.get("host", ""), headers.get("x-forwarded-host")
        if self._origins.allow(origin, host, is_secure=secure):
            return
        if asked is not None:
            host = asked.partition(",")[0].strip()
            if self._origins.allow(origin, host, is_secure=secure):
                return
        raise Rejected("forbidden", _refusal(origin, host), close=4003)


def _refusal(origin: str, host: str) -> str:
    """What to change: it stands in the log of the server, and in the browser of who develops the page."""
    if origin == "null":
        return "Pages without an origin (null: files, sandboxed frames) may not connect; see server.origins."
    return f"Add {_short(origin)} to server.origins: its pages may not connect to {_short(host) or 'this server'}."


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
