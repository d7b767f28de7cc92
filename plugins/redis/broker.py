"""The broker on Redis: where it connects to, and what is said where Redis refuses a publication."""

from __future__ import annotations

from collections.abc import Iterable

from redis.exceptions import MovedError, ResponseError

from ...core import Channel, ReconnectingBroker, Rejected
from .channels import Channels
from .config import RedisConfig
from .endpoint import Endpoint
from .link import explain
from .session import Session
from .topology import BehindSentinels, Sharded, Single, Topology


class RedisBroker(ReconnectingBroker[bytes]):
    """Carries publications by Redis's publish and subscribe, with a channel for each room and each server.

    Redis keeps nothing of it: what is published while a server is not connected does not reach it.
    """

    def __init__(self, config: RedisConfig) -> None:
        super().__init__(
            "Redis",
            Channels(config.prefix),
            timeout=config.timeout,
            max_reconnect_seconds=config.max_reconnect_seconds,
        )
        self._config = config
        self._endpoint = Endpoint(config.url.get_secret_value())
        self._topology = _topology(config, self._endpoint)
        self._place = self._topology.place

    def sessions(self) -> Iterable[Session]:
        """The connections to all of Redis."""
        yield Session(
            self._endpoint,
            self._topology,
            self.arrived,
            self._refused,
            timeout=self._config.timeout,
            most_waiting=self._config.max_queue_bytes,
        )

    def _refused(self, error: ResponseError) -> Rejected:
        if isinstance(error, MovedError):  # The session ends by it, and that is told.
            return self.refused(None)
        return self.refused(f"Redis at {self._place} refuses what is published: {explain(error)}")

    def channel_of(self, room: str) -> Channel | None:
        """Where a store in the same Redis may publish; see `Broker.channel_of`."""
        return Channel(self._place, self._channel(room))


def _topology(config: RedisConfig, endpoint: Endpoint) -> Topology:
    if config.sentinel is not None:
        return BehindSentinels(endpoint, config.sentinel, config.timeout)
    return Sharded(endpoint, config.timeout) if config.cluster else Single(endpoint)
