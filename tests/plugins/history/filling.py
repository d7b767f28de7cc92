"""Events for the tests of stores, and how they get there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hubbub.plugins.history.store import Position, Retention, Store, Stored, StoreUnavailable

NOW = 1_800_000_000.0
KEEP_ALL = Retention(count=1_000_000)


def event(number: int) -> bytes:
    return b'{"type":"message","content":%d}' % number


def stored(*seqs: int) -> list[Stored]:
    """What a store tells of events that `fill` appended."""
    return [Stored(seq, event(seq)) for seq in seqs]


async def fill(
    store: Store,
    room: str,
    count: int,
    *,
    keys: Sequence[str | None] | None = None,
    time: float = NOW,
    retention: Retention = KEEP_ALL,
) -> Position:
    """Append events to where the room stands, each with its number in it; tell where it stands then."""
    position = await store.open(room, now=time)
    events = [event(seq) for seq in range(position.last + 1, position.last + count + 1)]
    for start in range(0, count, 1000):
        chunk = events[start : start + 1000]
        await store.append(
            room,
            position.epoch,
            position.last + 1 + start,
            chunk,
            keys=(keys or [None] * count)[start : start + len(chunk)],
            time=time,
            retention=retention,
        )
    return await store.open(room, now=time)


async def until_it_works(store: Store) -> None:
    """Ask until the store takes appends again; the test's own time limit ends it otherwise."""
    while True:
        try:
            return await store.check()
        except StoreUnavailable:
            await asyncio.sleep(0.01)


class Publisher:
    """Appends to a room of its own, five events at a time, until the store is away; knows what it was promised."""

    def __init__(self, store: Store, room: str) -> None:
        self.store = store
        self.room = room
        self.position: Position | None = None
        self.promised = 0

    async def publish(self) -> None:
        try:
            self.position = self.position or await self.store.open(self.room, now=NOW)
            while True:
                first = self.promised + 1
                await self.store.append(
                    self.room,
                    self.position.epoch,
                    first,
                    [event(seq) for seq in range(first, first + 5)],
                    keys=[None] * 5,
                    time=NOW,
                    retention=KEEP_ALL,
                )
                self.promised += 5
        except StoreUnavailable:
            pass

    async def resume(self) -> bool:
        """Look what became of the append that failed; return whether it was stored."""
        position = await self.store.open(self.room, now=NOW)
        if self.position is not None:
            assert position.epoch == self.position.epoch
        assert position.last in (self.promised, self.promised + 5)
        assert await self.store.read(self.room, 0, position.last + 1) == stored(*range(1, position.last + 1))
        was_stored = position.last > self.promised
        self.position, self.promised = position, position.last
        return was_stored


async def publish_until(publishers: Sequence[Publisher], promised: int) -> list[asyncio.Task[None]]:
    """Let all of them publish; return once they were promised so many events in all."""
    tasks = [asyncio.create_task(publisher.publish()) for publisher in publishers]
    while sum(publisher.promised for publisher in publishers) < promised:  # noqa: ASYNC110
        await asyncio.sleep(0)
    return tasks
