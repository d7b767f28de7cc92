"""Events for the tests of stores, and how they get there."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.plugins.history.store import Position, Retention, Store, Stored

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
