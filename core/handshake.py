"""What a client says while it connects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from ..protocol import Format, Rejected

_BEARER = "bearer."
_FORMATS = {each.value: each for each in Format}


class Handshake:
    """The HTTP request of a WebSocket connection (RFC 6455 section 4.1)."""

    __slots__ = ("_headers", "address", "query", "room", "subprotocols")

    def __init__(
        self,
        room: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]] = (),
        subprotocols: Sequence[str] = (),
        address: str = "",
    ) -> None:
        self.room = room
        """The room in the URL; empty: the default room."""
        self.query: Mapping[str, str] = query or {}
        self.subprotocols = subprotocols
        self.address = address
        """The client's IP address."""
        self._headers = headers

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name; the values of a repeated header are joined by commas."""
        if not isinstance(self._headers, Mapping):  # Most connections are never asked for them.
            self._headers = parse_headers(self._headers)
        return self._headers

    @property
    def token(self) -> str | None:
        """The credentials: query ``token``, else ``Authorization: Bearer``, else subprotocol ``bearer.<token>``.

        Browsers can set no header, so there are the other two (RFC 6750 section 2 for the first two).
        """
        token = self.query.get("token")
        if token is not None:
            return token
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and credentials.strip():
            return credentials.strip()
        offered = (each[len(_BEARER) :] for each in self.subprotocols if each.startswith(_BEARER))
        return next(offered, None)

    @property
    def since(self) -> int | None:
        """The last ``seq`` that the client saw in the room of the URL. Raise `Rejected` where it is no number."""
        since = self.query.get("since")
        if since is None:
            return None
        if not (since.isascii() and since.isdigit() and len(since) < 16):
            raise Rejected("invalid", "The parameter since of the URL is not a sequence number.", path="since")
        return int(since)

    @property
    def subprotocol(self) -> str | None:
        """The first offered subprotocol that Hubbub speaks."""
        return next((each for each in self.subprotocols if each in _FORMATS), None)

    @property
    def format(self) -> Format:
        """How the events of this connection are written."""
        return _FORMATS.get(self.subprotocol or "", Format.JSON)


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of a URL. Of a repeated one the first counts: what is appended overrides nothing."""
    parameters: dict[str, str] = {}
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, value in pairs[:100]:
        parameters.setdefault(name, value)
    return parameters


def parse_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
