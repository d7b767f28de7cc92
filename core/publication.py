"""What is published to a room, on its way through the broker."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from typing import Self

import msgspec

from ..protocol import Encoded, Event, RoomEvent, Stamped


class Publication(Encoded):
    """An event for all members of a room, encoded once, and how it differs for some of them."""

    id: str | None = None
    """The ``id`` that goes back to the connections of ``user`` alone."""
    user: str | None = None
    """Who sent an event with an ``id``."""
    exclude: str | None = None
    """The id of the connection that does not get the event."""
    epoch: str | None = None
    seq: int | None = None
    """Which event of the room it is, where servers share a history."""
    _unnumbered: bytes = b""

    @classmethod
    def of(cls, event: Event, exclude: str | None = None) -> Self:
        """Encode ``event`` for everybody. Raise `Rejected` ``invalid`` where a value has no place in JSON."""
        if event.id is None:
            publication = cls(event)
        else:
            public = copy.copy(event)
            public.id = None
            publication = cls(public)
            if isinstance(event, Stamped):
                publication.id, publication.user = event.id, event.user
        if exclude is not None:
            publication.exclude = exclude
        return publication

    def number(self, seq: int, epoch: str | None = None) -> None:
        """Give the event its place in the room's history. May be called again until it goes out."""
        if not self._unnumbered:
            self._unnumbered = self.json
        self.seq, self.epoch = seq, epoch
        self.json = with_seq(self._unnumbered, seq)

    @property
    def unnumbered(self) -> bytes:
        """The event's JSON without its ``seq``, as it is stored."""
        return self._unnumbered or self.json

    @cached_property
    def with_id(self) -> Encoded:
        """The event for the connections of its sender."""
        return Encoded(self.event, b'%b,"id":%b}' % (self.json[:-1], msgspec.json.encode(self.id)))

    def to_bytes(self) -> bytes:
        """The publication as it crosses a broker: a line with what differs for whom, then the event's JSON."""
        head = (self.epoch, self.seq, self.user, self.id, self.exclude)
        return b"\n" + self.json if head == _NOTHING else b"%b\n%b" % (_encode(head), self.json)

    @property
    def for_whom(self) -> bytes:
        """What follows epoch and number in that line, for a store that numbers and publishes in one step."""
        return _encode((self.user, self.id, self.exclude))[1:-1]


def with_seq(event: bytes, seq: int) -> bytes:
    """The JSON of an event that was stored without its ``seq``."""
    return b'%b,"seq":%d}' % (event[:-1], seq)


class ReceivedPublication(Publication):
    """A publication that has crossed a broker. The event itself is decoded only where somebody looks at it."""

    def __init__(self, payload: bytes, types: Mapping[str, type[Event]]) -> None:  # pyright: ignore[reportMissingSuperCall]
        """``types`` are the known event types by tag. Raise `ValueError` where the payload is none."""
        head, line, self.json = payload.partition(b"\n")
        if not line:
            raise ValueError("a publication without an event")
        if head:
            self.epoch, self.seq, self.user, self.id, self.exclude = _decode(head)
        self._types = types

    @cached_property
    def event(self) -> Event:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The event, as far as its type is known here."""
        try:
            fields = msgspec.json.decode(self.json, type=dict[str, object])
            return msgspec.convert(fields, self._types[str(fields["type"])])
        except (msgspec.MsgspecError, KeyError):
            return RoomEvent(seq=self.seq)


_Head = tuple[str | None, int | None, str | None, str | None, str | None]
_NOTHING: _Head = (None, None, None, None, None)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Head).decode
