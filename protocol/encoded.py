"""An event on its way out: encoded at most once for each format, however many connections receive it."""

from __future__ import annotations

import json

import msgspec

from .errors import Rejected
from .events import Event
from .frames import binary_frame, deflated_text_frame, text_frame

WORTH_DEFLATING = 64
"""Bytes below which compressing makes a frame no shorter."""

_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


class Encoded:
    """One event with its bytes in each format that somebody asked for.

    Encoding happens at first use. JSON is made at once, so that an event which cannot be encoded is refused
    before anybody receives it.
    """

    _json_frame: bytes | None = None
    _deflated_json_frame: bytes | None = None
    _json_text: str | None = None
    _msgpack: bytes | None = None

    def __init__(self, event: Event, json: bytes | None = None) -> None:
        """``json`` is the event as it was encoded before, where it was.

        Raise `Rejected` ``invalid`` where a value of the event has no place in JSON.
        """
        self.event = event
        if json is not None:
            self.json = json
            return
        try:
            self.json = _encode_json(event)
        except (OverflowError, TypeError, ValueError, RecursionError) as error:
            raise Rejected(
                "invalid",
                "A value is too large, too deep or of a kind that JSON does not have.",
                path="content",
                expected="whole numbers of at most 64 bits, text keys, moderate nesting",
            ) from error

    @property
    def json_frame(self) -> bytes:
        """The event as one WebSocket text frame."""
        frame = self._json_frame
        if frame is None:
            frame = self._json_frame = text_frame(self.json)
        return frame

    @property
    def deflated_json_frame(self) -> bytes:
        """The event as one compressed WebSocket text frame (RFC 7692), or as a plain one where it is short."""
        frame = self._deflated_json_frame
        if frame is None:
            is_short = len(self.json) < WORTH_DEFLATING
            frame = self._deflated_json_frame = self.json_frame if is_short else deflated_text_frame(self.json)
        return frame

    @property
    def json_text(self) -> str:
        """The event as JSON text."""
        text = self._json_text
        if text is None:
            text = self._json_text = self.json.decode()
        return text

    @property
    def msgpack(self) -> bytes:
        """The event as MessagePack."""
        payload = self._msgpack
        if payload is None:
            try:
                payload = _encode_msgpack(msgspec.json.decode(self.json))
            except OverflowError:  # JSON has numbers of any length.
                payload = _encode_msgpack(json.loads(self.json, parse_int=_number))
            self._msgpack = payload
        return payload

    @property
    def msgpack_frame(self) -> bytes:
        """The event as one WebSocket binary frame."""
        return binary_frame(self.msgpack)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)
