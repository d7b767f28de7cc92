"""What is published to a room, on its way through the broker."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Self

import msgspec

from ..protocol import Encoded, Event, Stamped


class Publication(Encoded):
    """An event for all members of a room, encoded once, and how it differs for some of them."""

    id: str | None = None
    """The ``id`` that goes back to the connections of ``user`` alone."""
    user: str | None = None
    """Who sent an event with an ``id``."""
    exclude: str | None = None
    """The id of the connection that does not get the event."""

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

    @cached_property
    def with_id(self) -> Encoded:
        """The event for the connections of its sender."""
        return Encoded(self.event, b'%b,"id":%b}' % (self.json[:-1], msgspec.json.encode(self.id)))
