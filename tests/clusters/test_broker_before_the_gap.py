"""What comes from a broker that is just being connected again waits for no gap, and is told by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hubbub.plugins.nats.broker import NatsBroker
from hubbub.plugins.nats.config import NatsConfig
from hubbub.plugins.redis.broker import RedisBroker
from hubbub.plugins.redis.config import RedisConfig


class Heard:
    """A server that notes what its broker gives it."""

    def __init__(self) -> None:
        self.types: dict[str, Any] = {}
        self.said: list[str] = []

    def deliver(self, room: str, publication: object) -> None:
        self.said.append(room)

    def hear(self, payload: bytes) -> None:
        self.said.append("servers")

    def broker_lost(self, reason: str) -> None:
        self.said.append("lost")

    def broker_found(self) -> None:
        self.said.append("found")


@pytest.mark.parametrize("kind", ["redis", "nats"])
def test_nothing_is_delivered_until_everything_is_subscribed_and_the_gap_is_told(kind: str) -> None:
    async def play() -> list[str]:
        broker = RedisBroker(RedisConfig()) if kind == "redis" else NatsBroker(NatsConfig())
        server = Heard()
        broker.receiver = server
        broker._tried = asyncio.get_running_loop().create_future()  # pyright: ignore[reportPrivateUsage] # as if it had started
        broker._tried.set_result(None)  # pyright: ignore[reportPrivateUsage]
        broker.subscribe("lobby")
        for _ in range(2):
            if isinstance(broker, RedisBroker):
                broker.arrived(b"hubbub:room:{lobby}", b"\n{}")
            else:
                broker.arrived("hubbub.room.lobby", b"\n{}")
            broker._found()  # pyright: ignore[reportPrivateUsage]
        return server.said

    assert asyncio.run(play()) == ["found", "lobby", "found"]
