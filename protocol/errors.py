"""What a refusal says, and what the end of a connection says.

`ERROR_CODES` and `CLOSE_CODES` are the tables of the wire contract: a client decides by them whether to try
again, so a code never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from .events import Ack, Error, Json

ERROR_CODES: Mapping[str, bool] = {
    "bad_json": False,
    "unknown_type": False,
    "invalid": False,
    "too_large": False,
    "rate_limited": True,
    "not_in_room": False,
    "room_full": False,
    "unauthorized": False,
    "forbidden": False,
    "user_offline": False,
    "expired": False,
    "unavailable": True,
    "internal": True,
}
"""Each error code of the core, and whether sending the same event again can succeed."""


class CloseCode(NamedTuple):
    """Why a connection ended, and whether its client should come back by itself."""

    reason: str
    reconnect: bool


CLOSE_CODES: Mapping[int, CloseCode] = {
    1000: CloseCode("normal", reconnect=False),
    1001: CloseCode("going away", reconnect=True),
    1002: CloseCode("protocol error", reconnect=False),
    1003: CloseCode("unsupported data", reconnect=False),
    1007: CloseCode("invalid UTF-8", reconnect=False),
    1009: CloseCode("frame too large", reconnect=False),
    1011: CloseCode("internal error", reconnect=True),
    1012: CloseCode("draining", reconnect=True),
    1013: CloseCode("too many connections", reconnect=True),
    4001: CloseCode("unauthorized", reconnect=False),
    4003: CloseCode("forbidden", reconnect=False),
    4008: CloseCode("too slow or too fast", reconnect=True),
    4009: CloseCode("too many connections for this user", reconnect=False),
    4010: CloseCode("no sign of life", reconnect=True),
}
"""Each close code that the server sends (RFC 6455 section 7.4, and 4000 up for Hubbub's own)."""

_CLOSE_FOR_ERROR = {
    "unauthorized": 4001,
    "expired": 4001,
    "rate_limited": 4008,
    "room_full": 1013,
    "unavailable": 1013,
    "internal": 1011,
}


def check_close_code(code: object) -> None:
    """Raise `ValueError` for what no close frame can carry (RFC 6455 section 7.4): nothing would be closed."""
    is_sendable = isinstance(code, int) and (
        (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
    )
    if not is_sendable:
        raise ValueError(f"{code!r} is no close code that can be sent; 4000 to 4999 are free for plugins")


class Rejected(Exception):
    """Refuses one event, join or connection, with an answer that tells the client what to do.

    ``code`` is one of `ERROR_CODES` or a plugin's own; ``message`` is a sentence a person can act on.
    ``path`` names the wrong field, ``expected`` says what belongs there and ``example`` shows it;
    ``retry_after`` is in seconds. ``close`` ends the connection as well, with that close code: raised while
    a connection opens, the code is chosen by `close_code` where ``close`` is absent.

    Raise `ValueError` for a close code that cannot be sent, and `TypeError` where a text is none or JSON has no
    such example.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        path: str | None = None,
        expected: str | None = None,
        example: Mapping[str, Json] | None = None,
        retry_after: float | None = None,
        close: int | None = None,
    ) -> None:
        if not (isinstance(code, str) and isinstance(message, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("code and message of Rejected are texts")
        if close is not None:
            check_close_code(close)
        if example is not None:
            _encode(example)
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = ERROR_CODES.get(code, False) if retryable is None else retryable
        self.path = path
        self.expected = expected
        self.example = example
        self.retry_after = retry_after
        self.close = close
        self.id: str | None = None

    @property
    def close_code(self) -> int:
        """The close code that fits this refusal when it ends a connection."""
        return self.close or _CLOSE_FOR_ERROR.get(self.code, 4003)

    def to_event(self) -> Error | Ack:
        """The answer to the client."""
        return Error(
            id=self.id,
            code=self.code,
            message=self.message,
            retryable=self.retryable,
            path=self.path,
            expected=self.expected,
            shown=self.example,
            retry_after=self.retry_after,
        )


class Duplicate(Rejected):
    """Says that an event with the same ``id`` was carried out before: answered by the same `Ack`, and no error."""

    def __init__(self, room: str | None = None, seq: int | None = None) -> None:
        super().__init__("duplicate", "This was carried out before.")
        self.room = room
        self.seq = seq

    def to_event(self) -> Ack:
        """The answer to the client."""
        return Ack(id=self.id, timestamp=datetime.now(UTC), room=self.room, seq=self.seq, duplicate=True)


_encode = msgspec.json.Encoder().encode
