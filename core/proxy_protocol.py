"""The PROXY protocol, versions 1 and 2: how a proxy that only passes bytes on says whom it speaks for.

Its specification, `proxy-protocol.txt`, comes with HAProxy. The header is the first that a connection says.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

_LINE: Final = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LONGEST_LINE: Final = 107
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED: Final = 16
"""Bytes of version 2 before the addresses."""

MAX_HEADER: Final = 4096
"""Bytes of the longest header that is read; what proxies add to the addresses takes some hundred."""


class BadProxyHeaderError(Exception):
    """What comes first is no PROXY header; the message says what it is not."""


class ProxyHeader(NamedTuple):
    """What a proxy says about the connection that it passes on."""

    client: tuple[str, int] | None
    """The address and port of the client; None where the proxy speaks for itself, as for a health check."""
    size: int
    """Bytes of the header, after which the connection's own begin."""


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header with which ``data`` begins; None while it is not whole.

    Raise `BadProxyHeaderError` as soon as it can be none, and never anything else.
    """
    if data[:1] == b"P":
        return _read_line(data)
    if data[: len(_SIGNATURE)] != _SIGNATURE[: len(data)]:
        raise BadProxyHeaderError("it starts with something else")
    return _read_binary(data) if len(data) >= _FIXED else None


def _read_line(data: bytes) -> ProxyHeader | None:
    """Version 1, a line of text (section 2.1)."""
    if not b"PROXY ".startswith(data[:6]):
        raise BadProxyHeaderError("it starts with something else")
    end = data.find(b"\n", 0, _LONGEST_LINE) + 1
    if not end:
        if len(data) >= _LONGEST_LINE:
            raise BadProxyHeaderError("its line has no end")
        return None
    line = data[:end]
    if _UNKNOWN.fullmatch(line):
        return ProxyHeader(None, end)
    found = _LINE.fullmatch(line)
    if found is None:
        raise BadProxyHeaderError("its line is not as the protocol has it")
    family = IPv4Address if found[1] == b"TCP4" else IPv6Address
    try:
        client, _ = (family(found[number].decode("ascii")) for number in (2, 3))
    except ValueError:
        raise BadProxyHeaderError("its line has no valid addresses") from None
    ports = int(found[4]), int(found[5])
    if max(ports) > 0xFFFF:
        raise BadProxyHeaderError("its line has no valid ports")
    return ProxyHeader((str(client), ports[0]), end)


def _read_binary(data: bytes) -> ProxyHeader | None:
    """Version 2 (section 2.2): addresses as bytes, and more about the client that is not needed here."""
    version, command, family = data[12] >> 4, data[12] & 0x0F, data[13]
    if version != 2 or command > 1:
        raise BadProxyHeaderError("its version or command is unknown")
    length = int.from_bytes(data[14:_FIXED], "big")
    size = _FIXED + length
    if size > MAX_HEADER:
        raise BadProxyHeaderError(f"it has more than {MAX_HEADER} bytes")
    if len(data) < size:
        return None
    width = {0x11: 4, 0x21: 16}.get(family)
    if command == 0 or width is None:  # The proxy itself, or a client that has no such address.
        return ProxyHeader(None, size)
    if length < 2 * width + 4:
        raise BadProxyHeaderError("its addresses are not whole")
    packed = data[_FIXED : _FIXED + width]
    port = int.from_bytes(data[_FIXED + 2 * width :][:2], "big")
    return ProxyHeader((str(IPv4Address(packed) if width == 4 else IPv6Address(packed)), port), size)
