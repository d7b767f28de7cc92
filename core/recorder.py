"""What remembers publications: the interface between the core and a history plugin.

A plugin becomes the server's recorder by setting ``manager.recorder`` in its ``startup``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple

from ..protocol import Encoded, Json, Private, RoomEvent
from .publication import Publication


class Recovery(NamedTuple):
    """Where a room stands for somebody who enters it."""

    epoch: str
    seq: int
    """The last event that the room has had: what comes live follows on it."""
    recovered: bool | None = None
    """Whether nothing was missed that is not in ``events``; None where nobody asked."""
    events: Sequence[Encoded] = ()
    """What was missed, oldest first: all of it or nothing."""


class Recorder(ABC):
    """Keeps publications, numbers them, and knows what somebody has missed."""

    @abstractmethod
    def records(self, room: str, event: RoomEvent) -> bool:
        """Whether this event goes through `publish` here instead of straight to the broker."""

    @abstractmethod
    def publish(self, room: str, event: RoomEvent, exclude: str | None = None) -> Awaitable[None] | None:
        """Give ``event`` the next ``seq`` of the room, store it, and hand it to the broker, in this order.

        Finished when the event is as safe as the config promises. Raise `Rejected` ``unavailable`` where it is
        not: then it was not delivered either. Raise `Duplicate` where its ``id`` was published before.
        """

    def arrived(self, room: str, publication: Publication) -> None:  # noqa: B027
        """Take a numbered publication from a broker that several servers share, maybe out of order or twice.

        What is due goes to `Publisher.go_out`.
        """

    def broker_found(self) -> None:  # noqa: B027
        """Note that the broker was away: what other servers published meanwhile did not arrive."""

    @abstractmethod
    async def find(self, room: str, user: str, id_: str) -> int | None:
        """The ``seq`` under which this ``id`` of this user was stored, if it was."""

    @abstractmethod
    async def event(self, room: str, seq: int) -> Mapping[str, Json] | None:
        """An event that is kept, as it was published; None where it is not, or not any more.

        Raise `Rejected` ``unavailable`` where the store is away.
        """

    @abstractmethod
    async def catch_up(self, room: str, epoch: str | None, since: int | None) -> Recovery | None:
        """What somebody who saw everything up to ``since`` has missed; None where the room is not recorded.

        What it returns is true at the very moment of returning: whoever becomes a member without waiting in
        between misses nothing and sees nothing twice. Raise `Rejected` ``unavailable`` where it cannot be told.
        """

    @abstractmethod
    def keep(self, event: Private) -> Awaitable[None]:
        """Keep a private message for its receiver, who is offline, or raise `Rejected` ``user_offline``."""
