"""What the author of a broker writes: one time of being connected, and how channels are named."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Hashable, Iterable
from typing import Any, Generic, Protocol, TypeVar

Name = TypeVar("Name", bound=Hashable)
"""How the broker names a channel: mostly `str` or `bytes`."""
Name_co = TypeVar("Name_co", covariant=True)


class ChannelNames(Protocol[Name_co]):
    """The names of the channels; no two rooms or servers share one, whatever they are called."""

    @property
    def nodes(self) -> Name_co:
        """What is told to all servers."""
        ...

    def node(self, node: str, /) -> Name_co:
        """What is told to one server."""
        ...

    def room(self, room: str, /) -> Name_co:
        """What is published to a room."""
        ...


class BrokerSession(ABC, Generic[Name]):
    """One time of being connected, from `open` until it breaks; then there is a new session.

    What comes it gives to `ReconnectingBroker.arrived`, in order.
    """

    place: str
    """Where it connects to, as the log tells it: without secrets."""

    @abstractmethod
    async def open(self) -> None:
        """Connect. Raise `LinkLost`. It has to end in a time of its own; `close` is called afterwards anyway."""

    @abstractmethod
    def run(self, group: asyncio.TaskGroup) -> None:
        """Start in ``group`` what works until the connection breaks, and then raises `LinkLost`."""

    @abstractmethod
    def publish(self, channel: Name, payload: bytes, /) -> asyncio.Future[None] | Coroutine[Any, Any, None]:
        """Send to all who have subscribed to a channel; see `RemoteBroker.send`."""

    @abstractmethod
    def subscribe(self, channels: Iterable[Name], /) -> None:
        """Subscribe soon; some may be subscribed already."""

    @abstractmethod
    def unsubscribe(self, channel: Name, /) -> None:
        """Unsubscribe soon."""

    @abstractmethod
    async def subscribed(self, channel: Name, /) -> None:
        """Wait until the broker has confirmed a subscription, or the session is closed."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect, soon; refuse what is not answered yet, and let nobody wait any more."""
