"""The store without a database: history until the server stops."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

from .store import Append, Appended, Conflict, Position, Retention, Store, Stored, conflict

ROOM_SIZE = 1_000
EVENT_SIZE = 150
KEY_SIZE = 250

NEVER = float("-inf")
SLICE = 1_000
"""How many events are removed before others get their turn."""


class _Room:
    __slots__ = ("epoch", "events", "keys", "last", "size", "time")

    def __init__(self, epoch: str, last: int, now: float) -> None:
        self.epoch = epoch
        self.last = last
        self.time = now
        self.events: deque[tuple[float, bytes]] = deque()
        self.keys: dict[str, tuple[int, float]] = {}
        self.size = ROOM_SIZE

    @property
    def first(self) -> int:
        return self.last - len(self.events) + 1

    def cut(self, up_to: int, cutoff: float, limit: int) -> int:
        """Remove the oldest events, as long as their number or their age tells so; return how many."""
        removed, events, first = 0, self.events, self.first
        while removed < limit and events and (first + removed <= up_to or events[0][0] <= cutoff):
            self.size -= EVENT_SIZE + len(events.popleft()[1])
            removed += 1
        return removed

    def add(self, events: Sequence[bytes], now: float) -> None:
        for event in events:
            self.events.append((now, event))
            self.size += EVENT_SIZE + len(event)
        self.last += len(events)
        self.time = now

    def drop(self, count: int) -> None:
        """Remove so many of the oldest events."""
        for _ in range(count):
            self.size -= EVENT_SIZE + len(self.events.popleft()[1])

    def remember_keys(self, keys: Sequence[str | None], expires: float) -> None:
        """Remember those of the events that were added last."""
        for seq, key in enumerate(keys, self.last - len(keys) + 1):
            if key is not None:
                self.size += KEY_SIZE if self.keys.pop(key, None) is None else 0
                self.keys[key] = (seq, expires)

    def forget_keys(self, now: float) -> None:
        keys = self.keys
        while keys:
            oldest = next(iter(keys))
            if keys[oldest][1] > now:
                break
            del keys[oldest]
            self.size -= KEY_SIZE


class MemoryStore(Store):
    """Keeps everything in memory, of which it takes a bounded amount.

    Where that is full, the room to which nothing has been appended for longest is forgotten as a whole.
    """

    is_immediate = True

    def __init__(self, *, max_bytes: int = 256 * 1024 * 1024) -> None:
        """``max_bytes`` is what all rooms together may take, roughly."""
        self._max_bytes = max_bytes
        self._size = 0
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def stop(self) -> None:
        """There is nothing to disconnect from."""

    async def check(self) -> None:
        """Memory is always there."""

    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands; see `Store.open`."""
        known = self._rooms.get(room) or self._begin(room, secrets.token_hex(8), 0, now)
        return Position(known.epoch, known.first, known.last)

    def _begin(self, name: str, epoch: str, last: int, now: float) -> _Room:
        room = self._rooms[name] = _Room(epoch, last, now)
        self._size += ROOM_SIZE
        self._make_space()
        return room

    async def _append(self, append: Append) -> Appended:
        if append.first_seq is not None:
            self.append_at_once(append)
            return Appended(self._rooms[append.room].epoch, append.first_seq, is_duplicate=False)
        room = self._rooms.get(append.room)
        if room is None:
            room = self._begin(append.room, secrets.token_hex(8), 0, append.time)
        key = append.keys[0]
        seen = None if key is None else room.keys.get(key)
        if seen is not None and seen[1] > append.time:
            return Appended(room.epoch, seen[0], is_duplicate=True)
        self._add(room, append)
        return Appended(room.epoch, room.last, is_duplicate=False)

    def append_at_once(self, append: Append) -> None:
        """Append without a wait; see `Store.append_at_once`."""
        room = self._rooms.get(append.room)
        if room is None or room.epoch != append.epoch or room.last + 1 != append.first_seq:
            raise conflict(append, room and room.epoch, room.last if room else 0)
        self._add(room, append)

    def _add(self, room: _Room, append: Append) -> None:
        name, _, _, events, keys, now, retention, _ = append
        size = room.size
        if room.keys:
            room.forget_keys(now)
        room.add(events, now)
        if keys.count(None) < len(keys):
            room.remember_keys(keys, append.expires)
        if len(room.events) > retention.count:
            room.drop(len(room.events) - retention.count)
        self._rooms.move_to_end(name)
        self._size += room.size - size
        if self._size > self._max_bytes:
            self._make_space()

    def _make_space(self) -> None:
        while self._size > self._max_bytes and len(self._rooms) > 1:
            self._size -= self._rooms.popitem(last=False)[1].size
        for room in self._rooms.values():
            while self._size > self._max_bytes and room.events:
                self._size -= EVENT_SIZE + len(room.events[0][1])
                room.cut(room.last, NEVER, 1)
            break

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """Events above a number; see `Store.read`."""
        known = self._rooms.get(room)
        if known is None:
            return []
        skipped = max(0, after + 1 - known.first)
        chosen = islice(known.events, skipped, skipped + limit)
        return [Stored(seq, event) for seq, (_, event) in enumerate(chosen, known.first + skipped)]

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """Events below a number; see `Store.read_back`."""
        known = self._rooms.get(room)
        if known is None:
            return []
        end = known.last + 1 if before is None else min(before, known.last + 1)
        after = max(end - limit, known.first) - 1
        return await self.read(room, after, max(0, end - 1 - after))

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number that a key stands for; see `Store.find_key`."""
        known = self._rooms.get(room)
        seq, expires = known.keys.get(key, (None, now)) if known else (None, now)
        return seq if expires > now else None

    async def remove(self, room: str, up_to: int) -> int:
        """Remove events up to a number; see `Store.remove`."""
        return await self._cut(room, up_to, NEVER)

    async def _cut(self, name: str, up_to: int, cutoff: float) -> int:
        removed, count = 0, SLICE
        while count == SLICE and (room := self._rooms.get(name)) is not None:
            size = room.size
            removed += (count := room.cut(up_to, cutoff, SLICE))
            self._size += room.size - size
            await asyncio.sleep(0)
        return removed

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Remove what is not to be kept; see `Store.trim`."""
        removed = 0
        for name in list(self._rooms):
            room = self._rooms.get(name)
            if room is None:  # Forgotten meanwhile.
                continue
            retention = retention_of(name)
            size = room.size
            room.forget_keys(now)
            self._size += room.size - size
            removed += await self._cut(name, room.last - retention.count, retention.cutoff(now))
            if not room.events and room.time <= retention.room_cutoff(now) and self._rooms.get(name) is room:
                await self.forget(name)
        return removed

    async def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms."""
        for name in list(self._rooms):
            yield name

    async def forget(self, room: str) -> None:
        """Remove a room; see `Store.forget`."""
        known = self._rooms.pop(room, None)
        self._size -= known.size if known else 0

    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch; see `Store.renew`."""
        known = self._rooms.get(room)
        if known is None:
            raise Conflict(f"the room {room!r} is not known")
        if known.epoch == epoch:
            known.epoch = secrets.token_hex(8)
        return Position(known.epoch, known.first, known.last)

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room where it was elsewhere; see `Store.restore`."""
        if room in self._rooms:
            raise Conflict(f"the room {room!r} is known already")
        self._begin(room, epoch, last, now)
