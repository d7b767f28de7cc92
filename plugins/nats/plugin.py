"""The plugin brings the broker."""

from __future__ import annotations

from ...core import Broker, Plugin
from .broker import NatsBroker
from .config import NatsConfig


class Nats(Plugin[NatsConfig]):
    """Connects servers through NATS: one room, one list of users, on all of them."""

    def make_broker(self) -> Broker:
        """The broker on the NATS of the config."""
        return NatsBroker(self.config)
