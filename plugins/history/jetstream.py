"""The store in JetStream, the memory of NATS, which several servers may share."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path
from typing import Literal

from .group import MOST_WAITING
from .jetstream_config import StreamOptions
from .jetstream_connection import JetStreamConnection
from .jetstream_link import Endpoint
from .jetstream_reading import read
from .jetstream_room import RoomLog
from .jetstream_stream import Stream
from .jetstream_trim import trim
from .store import Append, Appended, Position, Retention, Store, Stored, StoreUnavailable

MOST_ROOMS = 10_000
MOST_KEYS = 1_000_000
"""What is at hand of the rooms; those unused for longest are looked up again."""

ROOMS_AT_ONCE = 50


class JetStreamStore(Store):
    """Keeps one stream, with a subject for each room.

    An append is answered when the stream has it: with several replicas, most of them. When a server of NATS writes
    to its disk is set there: see ``sync_interval``.
    """

    def __init__(
        self,
        url: str,
        *,
        stream: str = "hubbub_history",
        replicas: int = 1,
        storage: Literal["file", "memory"] = "file",
        credentials: Path | None = None,
        ca_file: Path | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Raise `ValueError` where ``url`` or ``stream`` cannot be used. All subjects begin with ``stream``.

        ``replicas`` and ``storage`` are of the stream that is made where there is none. ``timeout`` is how many
        seconds an answer may take until NATS counts as away.
        """
        if not re.fullmatch(r"[\w-]+", stream, re.ASCII):
            raise ValueError(f"the name of a stream has letters, digits and any of _ -, not {stream!r}")
        self._nats = JetStreamConnection(
            Endpoint.of(url, credentials, ca_file),
            StreamOptions(stream, replicas, storage),
            timeout=timeout,
            renewed=self._look_again,
        )
        self._stream = Stream(self._nats)
        self._rooms: OrderedDict[str, RoomLog] = OrderedDict()
        self._size = 0
        self._is_stopped = False

    async def start(self) -> None:
        """Connect, and make the stream."""
        await self.check()

    async def stop(self) -> None:
        """Store what waits, and disconnect."""
        self._is_stopped = True
        await asyncio.gather(*(log.close() for log in tuple(self._rooms.values())))
        await self._nats.close()

    async def check(self) -> None:
        """Write something, to see whether that works."""
        await self._stream.touch()

    # Rooms

    def _log(self, room: str) -> RoomLog:
        if self._is_stopped:
            raise StoreUnavailable("The history store was stopped.")
        log = self._rooms.get(room)
        if log is None:
            if len(self._rooms) >= MOST_ROOMS:
                self._let_go(MOST_ROOMS // 10)
            log = self._rooms[room] = RoomLog(self._stream, room)
        else:
            self._rooms.move_to_end(room)
        return log

    def _let_go(self, count: int) -> None:
        for room in list(islice(self._rooms, count)):
            if self._rooms[room].is_idle:
                del self._rooms[room]

    def _forget_keys(self) -> None:
        excess = sum(log.keys for log in self._rooms.values()) - MOST_KEYS
        for log in self._rooms.values():
            if excess > 0 and log.keys and log.is_idle:
                excess -= log.keys
                log.reset()

    def _look_again(self) -> None:
        for log in self._rooms.values():
            log.reset()

    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands; see `Store.open`."""
        return await self._log(room).do(lambda draft: draft.open(now))

    async def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms."""
        seen: set[str] = set()
        async for page in self._stream.rooms():
            for room, _ in page:
                if room not in seen:
                    seen.add(room)
                    yield room

    async def forget(self, room: str) -> None:
        """Remove a room; see `Store.forget`."""
        log = self._log(room)
        await self._stream.purge(log.subject)
        log.reset()

    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch; see `Store.renew`."""
        return await self._log(room).do(lambda draft: draft.renew(epoch))

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room where it was elsewhere; see `Store.restore`."""
        await self._log(room).do(lambda draft: draft.restore(epoch, last, now))

    # Events

    async def _append(self, append: Append) -> Appended:
        log, size = self._log(append.room), append.size
        if self._size and self._size + size > MOST_WAITING:
            raise StoreUnavailable(
                f"More than {MOST_WAITING // 1024} KiB wait for the history store: "
                "it is slower than what is published."
            )
        needs_keys = append.first_seq is None and append.keys[0] is not None
        self._size += size
        try:
            return await log.do(lambda draft: draft.append(append), size=size, needs_keys=needs_keys)
        finally:
            self._size -= size

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """Events above a number; see `Store.read`."""
        log = self._log(room)
        newest = await self._stream.newest(log.subject)
        if newest is None:
            return []
        after = max(after, newest.record.first - 1)
        return await read(self._stream, log, newest, after, after + limit)

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """Events below a number; see `Store.read_back`."""
        log = self._log(room)
        newest = await self._stream.newest(log.subject)
        if newest is None:
            return []
        up_to = newest.record.last if before is None else min(before - 1, newest.record.last)
        return await read(self._stream, log, newest, up_to - limit, up_to)

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number that a key stands for; see `Store.find_key`."""
        return await self._log(room).do(lambda draft: draft.find(key, now), needs_keys=True)

    async def remove(self, room: str, up_to: int) -> int:
        """Remove events up to a number; see `Store.remove`. `trim` takes them out of the stream."""
        return await self._log(room).do(lambda draft: draft.remove(up_to))

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Remove what is not to be kept; see `Store.trim`."""
        removed = 0
        async for page in self._stream.rooms():
            for start in range(0, len(page), ROOMS_AT_ONCE):
                removed += sum(
                    await asyncio.gather(
                        *(
                            trim(self._stream, self._log(room), retention_of(room), now)
                            for room, _ in page[start : start + ROOMS_AT_ONCE]
                        )
                    )
                )
        self._forget_keys()
        return removed
