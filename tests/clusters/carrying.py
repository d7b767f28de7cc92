"""A broker by itself, without a server around it: whether it carries, and what it says where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import time

from hubbub.core import DONE, Broker, Message, Publication
from hubbub.plugins.history.store import Announcement, Retention, Store
from hubbub.protocol import Event


class Listener:
    """What a broker tells its server."""

    def __init__(self) -> None:
        self.types: Mapping[str, type[Event]] = {"message": Message}
        self.delivered: asyncio.Queue[Publication] = asyncio.Queue()
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.reasons: list[str] = []

    def deliver(self, room: str, publication: Publication) -> None:
        self.delivered.put_nowait(publication)

    def hear(self, payload: bytes) -> None:
        self.heard.put_nowait(payload)

    def broker_lost(self, reason: str) -> None:
        self.reasons.append(reason)

    def broker_found(self) -> None: ...


async def carry(broker: Broker) -> None:
    """Have a broker do all that it does for a server."""
    listener = Listener()
    async with asyncio.timeout(20), _started(broker, listener):
        assert listener.reasons == []
        broker.subscribe("lobby")
        await broker.subscribed("lobby")
        for number in range(3):
            publication = Publication.of(Message(content=number, room="lobby"))
            await (broker.publish("lobby", publication) or DONE)
        for node in (None, "here"):
            await (broker.tell(node, b"psst") or DONE)
        events = [(await listener.delivered.get()).event for _ in range(3)]
        assert [event.content for event in events if isinstance(event, Message)] == [0, 1, 2]
        assert [await listener.heard.get() for _ in range(2)] == [b"psst", b"psst"]
        broker.unsubscribe("lobby")
        await (broker.tell(None, b"still here") or DONE)
        await listener.heard.get()


async def announced(store: Store, broker: Broker, rooms: Sequence[str]) -> list[bool]:
    """Whether the store publishes by itself what it stores of each room, where the broker says."""
    found = list[bool]()
    for room in rooms:
        channel = broker.channel_of(room)
        assert channel is not None
        publication = Publication.of(Message(content="hello", room=room))
        appended = await store.append_next(
            room,
            publication.unnumbered,
            key=None,
            time=time(),
            retention=Retention(10),
            announcement=Announcement(channel, publication.for_whom),
        )
        found.append(appended.is_announced)
    await store.stop()
    return found


async def refusal(broker: Broker) -> str:
    """Why a broker cannot connect."""
    listener = Listener()
    async with asyncio.timeout(20), _started(broker, listener):
        return listener.reasons[0]


@asynccontextmanager
async def _started(broker: Broker, listener: Listener) -> AsyncGenerator[None]:
    try:
        await (broker.start(listener, "here") or DONE)
        yield
    finally:
        await (broker.stop() or DONE)
