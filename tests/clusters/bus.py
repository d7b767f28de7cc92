"""A broker between servers in one process, which can be cut."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from hubbub.core import Rejected, RemoteBroker


class Bus:
    """What connects the brokers of one cluster: one order for all."""

    def __init__(self) -> None:
        self.brokers: list[BusBroker] = []

    def carry(self, room: str | None, node: str | None, payload: bytes) -> None:
        for broker in self.brokers:
            if not broker.is_cut and not (room is not None and broker.is_deaf):
                asyncio.get_running_loop().call_soon(broker.arrive, room, node, payload)


class BusBroker(RemoteBroker):
    """The broker of one server."""

    def __init__(self, bus: Bus) -> None:
        bus.brokers.append(self)
        self._bus = bus
        self.is_cut = False
        self.is_deaf = False
        """Whether publications get lost on their way here, unnoticed."""
        self.rooms: set[str] = set()
        self.sent: defaultdict[str, int] = defaultdict(int)

    async def send(self, room: str, payload: bytes) -> None:
        self.check()
        self.sent["publish"] += 1
        self._bus.carry(room, None, payload)

    async def tell(self, node: str | None, payload: bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.check()
        self.sent["tell"] += 1
        self._bus.carry(None, node, payload)

    def check(self) -> None:
        if self.is_cut:
            raise Rejected("unavailable", "The broker is away; nothing was published.")

    def subscribe(self, room: str) -> None:
        self.rooms.add(room)

    def unsubscribe(self, room: str) -> None:
        self.rooms.discard(room)

    def stop(self) -> None:
        self._bus.brokers.remove(self)

    def arrive(self, room: str | None, node: str | None, payload: bytes) -> None:
        if room is not None:
            if room in self.rooms:
                self.received(room, payload)
        elif node in (None, self.node):
            self.receiver.hear(payload)

    async def cut(self) -> None:
        self.is_cut = True
        self.receiver.broker_lost("the cable was cut")

    async def mend(self) -> None:
        self.is_cut = False
        self.receiver.broker_found()
