"""What a client says while it connects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from ..protocol import Format


@dataclass(frozen=True, slots=True)
class Handshake:
    """The HTTP request of a WebSocket connection (RFC 6455 section 4.1)."""

    room: str = ""
    """The room in the URL; empty: the default room."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By lower-case name; the values of a repeated header are joined by commas."""
    subprotocols: Sequence[str] = ()
    address: str = ""
    """The client's IP address."""

    @property
    def subprotocol(self) -> str | None:
        """The first offered subprotocol that Hubbub speaks."""
        known = {each.value for each in Format}
        return next((each for each in self.subprotocols if each in known), None)

    @property
    def format(self) -> Format:
        """How the events of this connection are written."""
        return Format(self.subprotocol) if self.subprotocol else Format.JSON


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
