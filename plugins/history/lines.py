"""The lines of an export: one JSON object for each event, with its place, in the order of numbers, room by room.

    {"room":"lobby","epoch":"5fb2c1","seq":7,"event":{"type":"message","user":"alice",…}}

A room of which no event is kept has one line without ``event``: ``seq`` is that of the last event that it had.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from .store import Position, Stored


class Line(msgspec.Struct):
    """One line, as it is read."""

    room: str
    epoch: str
    seq: int
    event: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    type: str
    timestamp: datetime | None = None
    room: str | None = None
    seq: int | None = None


_line = msgspec.json.Decoder(Line)
_event = msgspec.json.Decoder(_Event)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Event(NamedTuple):
    """An event as it is to be stored, and when it was published; None: it does not say."""

    json: bytes
    time: float | None


class WrongLine(Exception):
    """A file that is no export, or not a whole one; the text says where and why."""


def write(room: str, epoch: str, stored: Stored) -> bytes:
    """The line of an event."""
    return b'%b,"event":%b}\n' % (_place(room, epoch, stored.seq), stored.event)


def write_empty(room: str, position: Position) -> bytes:
    """The line of a room of which nothing is kept."""
    return _place(room, position.epoch, position.last) + b"}\n"


def _place(room: str, epoch: str, seq: int) -> bytes:
    return b'{"room":%b,"epoch":%b,"seq":%d' % (msgspec.json.encode(room), msgspec.json.encode(epoch), seq)


def read(path: Path) -> Iterator[tuple[str, Line]]:
    """The lines of a file, each with its place for people. Raise `WrongLine`, or `OSError`."""
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                place = f"{path}:{number}"
                try:
                    line = _line.decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise WrongLine(f"{place}: not a line of an export: {error}") from None
                if line.seq < 0 or not line.epoch or not line.room or not line.room.isprintable():
                    raise WrongLine(f"{place}: expected a room, an epoch, and a seq of 0 or more")
                yield place, line


def event_of(line: Line, place: str) -> Event:
    """What is to be stored of a line. Raise `WrongLine` where it is none."""
    json = bytes(line.event).strip()
    try:
        event = _event.decode(json)
    except msgspec.DecodeError as error:
        raise WrongLine(f"{place}: the event is none: {error}") from None
    if event.room not in (None, line.room):
        raise WrongLine(f"{place}: the event is one of the room {event.room!r}, not of {line.room!r}")
    if event.seq is not None:  # The server adds it when the event goes out.
        fields = _fields.decode(json)
        del fields["seq"]
        json = msgspec.json.encode(fields)
    return Event(json, None if event.timestamp is None else event.timestamp.timestamp())
