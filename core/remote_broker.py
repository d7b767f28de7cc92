"""What brokers have in common that send bytes over a network."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Coroutine
from typing import Any, ClassVar

from .broker import Broker
from .eager import DONE, InOrder, start
from .publication import Publication, ReceivedPublication

logger = logging.getLogger(__name__)


class RemoteBroker(Broker):
    """A broker between several servers: a subclass carries bytes to rooms and to servers, in order.

    What it gets for a room it gives to `received`, what is told to this server to ``receiver.hear``.
    """

    is_shared: ClassVar[bool] = True

    def publish(self, room: str, publication: Publication) -> Awaitable[None]:
        """Send to every server that has members in the room, this one included."""
        sent = self.send(room, publication.to_bytes())
        end = sent if isinstance(sent, asyncio.Future) else start(sent)
        return DONE if end is None else InOrder(end)

    @abstractmethod
    def send(self, room: str, payload: bytes) -> asyncio.Future[None] | Coroutine[Any, Any, None]:
        """Send to the subscribers of a room; finished when the broker has taken it.

        The payload has its place in the order when a future is returned, or when a coroutine has to wait, to where
        it is run at once. Raise `Rejected` ``unavailable`` where the broker is away, or let the awaitable do so.
        """

    def received(self, room: str, payload: bytes) -> None:
        """Take what came for a room; what cannot be read is logged and left."""
        try:
            publication = ReceivedPublication(payload, self.receiver.types)
        except ValueError:
            logger.warning("something that is no publication came for the room %r", room)
            return
        self.receiver.deliver(room, publication)
