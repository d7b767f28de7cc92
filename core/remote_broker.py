"""What brokers have in common that send bytes over a network."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Awaitable
from typing import ClassVar

from .broker import Broker
from .publication import Publication, ReceivedPublication

logger = logging.getLogger(__name__)


class RemoteBroker(Broker):
    """A broker between several servers: a subclass carries bytes to rooms and to servers, in order.

    What it gets for a room it gives to `received`, what is told to this server to ``receiver.hear``.
    """

    is_shared: ClassVar[bool] = True

    def publish(self, room: str, publication: Publication) -> Awaitable[None]:
        """Send to every server that has members in the room, this one included."""
        return self.send(room, publication.to_bytes())

    @abstractmethod
    async def send(self, room: str, payload: bytes) -> None:
        """Send to the subscribers of a room; finished when the broker has taken it.

        Sends of one moment go out together, in order. Raise `Rejected` ``unavailable`` where the broker is away.
        """

    def received(self, room: str, payload: bytes) -> None:
        """Take what came for a room; what cannot be read is logged and left."""
        try:
            publication = ReceivedPublication(payload, self.receiver.types)
        except ValueError:
            logger.warning("something that is no publication came for the room %r", room)
            return
        self.receiver.deliver(room, publication)
