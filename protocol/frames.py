"""WebSocket frames from the server to a client (RFC 6455 section 5.2): never masked, never fragmented."""

from __future__ import annotations

from struct import Struct

_TEXT, _BINARY = 0x81, 0x82
_SHORT, _MEDIUM, _LONG = Struct(">BB").pack, Struct(">BBH").pack, Struct(">BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """One whole text frame; ``payload`` is UTF-8."""
    return _frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """One whole binary frame."""
    return _frame(_BINARY, payload)


def _frame(first_byte: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return _SHORT(first_byte, length) + payload
    if length < 0x10000:
        return _MEDIUM(first_byte, 126, length) + payload
    return _LONG(first_byte, 127, length) + payload
