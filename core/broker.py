"""Carries publications, and what servers tell each other: between those of a cluster, or within the only one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from typing import ClassVar, NamedTuple, Protocol

from ..protocol import Event
from .publication import Publication


class Receiver(Protocol):
    """The server, as its broker sees it."""

    @property
    def types(self) -> Mapping[str, type[Event]]:
        """The event types that are known here, by tag."""
        ...

    def deliver(self, room: str, publication: Publication) -> None:
        """Take a publication to a subscribed room, in the room's order."""
        ...

    def hear(self, payload: bytes) -> None:
        """Take what another server has told."""
        ...

    def broker_lost(self, reason: str) -> None:
        """Note that nothing comes or goes for now."""
        ...

    def broker_found(self) -> None:
        """Note that everything is subscribed again; what was published meanwhile did not come."""
        ...


class Channel(NamedTuple):
    """Where publications to a room go, for a store that is in the same place and can publish there itself."""

    place: str
    """Which server that is, in words that are the same wherever it is: as host:port, or the path of a socket; as
    ``cluster at host:port``; or as ``mymaster of host:port, host:port``, with the Sentinels in the order of text.
    """
    name: bytes


class Broker(ABC):
    """Where publications go.

    Methods return None when they are finished, or an awaitable where they have to wait: the in-memory broker costs
    no turn of the event loop.
    """

    is_shared: ClassVar[bool] = False
    """Whether other servers may use it as well."""

    def start(self, receiver: Receiver, node: str) -> Awaitable[None] | None:
        """Connect, and from now on give ``receiver`` what comes. ``node`` is the name of this server."""
        self.receiver = receiver
        self.node = node
        return None

    @abstractmethod
    def publish(self, room: str, publication: Publication) -> Awaitable[None] | None:
        """Publish to all servers, this one included; finished when the broker has taken it.

        Raise `Rejected` ``unavailable`` where the broker is away: then nothing was published.
        """

    def check(self) -> None:  # noqa: B027
        """Raise `Rejected` ``unavailable`` where it is known that nothing can be published now."""

    def tell(self, node: str | None, payload: bytes) -> Awaitable[None] | None:
        """Tell another server something, or with None all of them, this one included.

        Raise `Rejected` ``unavailable`` where the broker is away.
        """
        del node, payload
        return None

    def subscribe(self, room: str) -> None:  # noqa: B027
        """Called when the room has its first member on this server. Must not wait."""

    def unsubscribe(self, room: str) -> None:  # noqa: B027
        """Called when the room's last member on this server is gone. Must not wait."""

    async def subscribed(self, room: str) -> None:  # noqa: B027
        """Wait until what is published to a subscribed room comes here."""

    def channel_of(self, room: str) -> Channel | None:
        """Where a store may publish `Publication.to_bytes` itself, in one step with storing; None: nowhere."""
        del room
        return None

    def stop(self) -> Awaitable[None] | None:  # noqa: B027
        """Disconnect."""


class MemoryBroker(Broker):
    """The broker of a single server: publishing is delivering."""

    def publish(self, room: str, publication: Publication) -> None:
        """Deliver at once."""
        self.receiver.deliver(room, publication)
