"""WebSocket frames from the server to a client (RFC 6455 section 5.2): never masked, never fragmented."""

from __future__ import annotations

import zlib
from struct import Struct

DEFLATE_WINDOW_BITS = 12
"""The window of every compressed frame: every client that allows at least this one can read it."""

_TEXT, _BINARY, _DEFLATED_TEXT = 0x81, 0x82, 0xC1
_SHORT, _MEDIUM, _LONG = Struct(">BB").pack, Struct(">BBH").pack, Struct(">BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """One whole text frame; ``payload`` is UTF-8."""
    length = len(payload)
    if 126 <= length < 0x10000:  # The most frequent one is spelled out: there is one for each publication.
        return _MEDIUM(_TEXT, 126, length) + payload
    return _frame(_TEXT, payload)


def deflated_text_frame(payload: bytes) -> bytes:
    """One whole text frame, compressed without any context of earlier ones (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(wbits=-DEFLATE_WINDOW_BITS, memLevel=5)
    compressed = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return _frame(_DEFLATED_TEXT, compressed.removesuffix(b"\x00\x00\xff\xff"))


def binary_frame(payload: bytes) -> bytes:
    """One whole binary frame."""
    return _frame(_BINARY, payload)


def fitting_reason(reason: str) -> str:
    """As much of ``reason`` as a close frame has room for: 123 bytes (RFC 6455 section 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")


def _frame(first_byte: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return _SHORT(first_byte, length) + payload
    if length < 0x10000:
        return _MEDIUM(first_byte, 126, length) + payload
    return _LONG(first_byte, 127, length) + payload
