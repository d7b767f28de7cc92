"""WebSocket frames from the server to a client (RFC 6455 section 5.2): never masked, never fragmented."""

from __future__ import annotations

_TEXT, _BINARY = 0x81, 0x82


def text_frame(payload: bytes) -> bytes:
    """One whole text frame; ``payload`` is UTF-8."""
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """One whole binary frame."""
    return _header(_BINARY, len(payload)) + payload


def _header(first_byte: int, length: int) -> bytes:
    if length < 126:
        return bytes((first_byte, length))
    if length < 0x10000:
        return bytes((first_byte, 126)) + length.to_bytes(2, "big")
    return bytes((first_byte, 127)) + length.to_bytes(8, "big")
