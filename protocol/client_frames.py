"""WebSocket frames from a client, as far as it takes to tell them apart (RFC 6455 section 5.2)."""

from __future__ import annotations

from struct import Struct

_MASKED = 0x80

head = Struct(">BBH").unpack_from
"""The first two bytes of a frame, and the two that are its length where the second one says 126."""


def is_unmasked(buffer: bytes, position: int) -> bool:
    """Whether the frame at ``position`` is known to break the rule that clients mask theirs (section 5.1)."""
    return len(buffer) - position >= 2 and buffer[position + 1] < _MASKED


def end_of_frame(buffer: bytes, position: int, max_size: int) -> int:
    """Where a frame ends, beyond the buffer where it is not whole.

    What is known to be refused, for its length of more than ``max_size`` bytes or another reason, need not be
    whole: it ends where the buffer does.
    """
    size = len(buffer)
    masked, length = buffer[position + 1] & _MASKED, buffer[position + 1] & 0x7F
    start = position + 2 + (4 if masked else 0)
    if length >= 126:
        digits = 2 if length == 126 else 8
        start += digits
        if size < position + 2 + digits:
            return start
        length = int.from_bytes(buffer[position + 2 : position + 2 + digits], "big")
    is_control = buffer[position] & 0x08
    if not masked or length > (125 if is_control else max_size):
        return size
    return start + length


def is_utf8(data: bytes) -> bool:
    """Whether ``data`` is the UTF-8 that a text message must be (section 8.1)."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
