"""Carries publications between the servers of a cluster, or within the only one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Protocol

from .publication import Publication


class Deliver(Protocol):
    """Hands a publication to the members that this server has."""

    def __call__(self, room: str, publication: Publication) -> None:
        """Deliver to the members of ``room``."""
        ...


class Broker(ABC):
    """Where publications go.

    Methods return None when they are finished, or an awaitable where they have to wait: the in-memory broker costs
    no turn of the event loop.
    """

    def start(self, deliver: Deliver) -> Awaitable[None] | None:
        """Connect. ``deliver`` is called for each publication to a subscribed room, in the room's order."""
        self.deliver = deliver
        return None

    @abstractmethod
    def publish(self, room: str, publication: Publication) -> Awaitable[None] | None:
        """Publish to all servers, this one included; finished when the broker has taken it.

        Raise `Rejected` ``unavailable`` where the
        broker is away: then nothing was published.
        """

    def subscribe(self, room: str) -> None:  # noqa: B027
        """Called when the room has its first member on this server. Must not wait."""

    def unsubscribe(self, room: str) -> None:  # noqa: B027
        """Called when the room's last member on this server is gone. Must not wait."""

    def stop(self) -> Awaitable[None] | None:  # noqa: B027
        """Disconnect."""


class MemoryBroker(Broker):
    """The broker of a single server: publishing is delivering."""

    def publish(self, room: str, publication: Publication) -> None:
        """Deliver at once."""
        self.deliver(room, publication)
