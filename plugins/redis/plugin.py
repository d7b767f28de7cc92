"""The plugin brings the broker."""

from __future__ import annotations

from ...core import Broker, Plugin
from .broker import RedisBroker
from .config import RedisConfig


class Redis(Plugin[RedisConfig]):
    """Connects servers through Redis or Valkey: one room, one list of users, on all of them."""

    def make_broker(self) -> Broker:
        """The broker on the Redis of the config."""
        return RedisBroker(self.config)
