"""What a receiver gets: the events, and the batches in which they travel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ...core import RoomEvent

encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, kw_only=True, tag_field="type"):
    """Something that happened. ``seq`` counts what this run of the server tells, so that a gap in it is a loss."""

    seq: int = 0
    timestamp: datetime | None = None


class Connected(Told, kw_only=True, tag="connected"):
    """A connection was let in."""

    user: str
    connection: str


class Disconnected(Told, kw_only=True, tag="disconnected"):
    """A connection has ended."""

    user: str
    connection: str
    code: int
    reason: str


class Joined(Told, kw_only=True, tag="joined"):
    """A connection has entered a room."""

    room: str
    user: str
    connection: str


class Left(Told, kw_only=True, tag="left"):
    """A connection is no longer in a room."""

    room: str
    user: str
    connection: str
    reason: str


class Occupied(Told, kw_only=True, tag="occupied"):
    """A room got its first member on this server."""

    room: str


class Vacated(Told, kw_only=True, tag="vacated"):
    """A room lost its last member on this server."""

    room: str


class Published(Told, kw_only=True, tag="published"):
    """Something was published to a room."""

    room: str
    event: RoomEvent


class Body(msgspec.Struct, kw_only=True, tag_field="type", tag="hubbub.events"):
    """The whole of one request."""

    timestamp: datetime
    server: str
    """The run of the server: with ``seq`` it identifies an event."""
    lost: int
    """How many events before the first of this batch will never come."""
    events: list[msgspec.Raw]


class Batch(NamedTuple):
    """One request, the same in every attempt."""

    id: str
    body: bytes
    lost: int
    size: int
    """How many events are in it."""


def batch_of(events: Sequence[bytes], *, server: str, number: int, lost: int, now: datetime) -> Batch:
    """Put encoded ``events`` together."""
    raw = [msgspec.Raw(event) for event in events]
    body = Body(timestamp=now, server=server, lost=lost, events=raw)
    return Batch(f"{server}-{number}", encode(body), lost, len(raw))
