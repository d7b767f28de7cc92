"""The store in Redis, as one stream for each room, which several servers may share."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import cast
from urllib.parse import quote, unquote

from .group import Group
from .redis_config import InRedis
from .redis_connection import Call, RedisConnection, Reply
from .redis_scripts import APPEND, CUT, FIND_KEY, OPEN, READ, RENEW, SLICE
from .store import (
    Append,
    Appended,
    Conflict,
    Position,
    Retention,
    Store,
    Stored,
    StoreUnavailable,
    conflict,
)

VERSION = 1
"""Of what is kept in Redis, which changes when an older Hubbub could not read it."""

ROOMS_AT_ONCE = 100
NEVER = "-1e300"
"""A time before all others, as Lua reads it."""


class RedisStore(Store):
    """Keeps a stream for each room, with the numbers of events as ids.

    How durable an append is, is set in Redis: with ``appendfsync always`` it survives whatever happens, with
    ``everysec`` a crash of the machine takes the last second, without ``appendonly`` a restart takes everything
    since the last snapshot. Redis must not evict keys: ``maxmemory-policy noeviction``.
    """

    def __init__(
        self,
        url: str,
        config: InRedis | None = None,
        *,
        prefix: str = "hubbub:",
        connections: int = 8,
        timeout: float = 5.0,
    ) -> None:
        """Raise `ValueError` where ``url`` or ``prefix`` cannot be used. All keys begin with ``prefix``.

        ``connections`` is how many at most go to each Redis; ``timeout`` is how many seconds an answer may take
        until Redis counts as away.
        """
        if not re.fullmatch(r"[\w.:-]+", prefix, re.ASCII):
            raise ValueError(f"a prefix of keys in Redis has letters, digits and any of _ . : -, not {prefix!r}")
        self._prefix = f"{prefix}history:"
        self._redis = RedisConnection(
            url,
            config or InRedis(),
            version_key=f"{self._prefix}version",
            version=VERSION,
            connections=connections,
            timeout=timeout,
        )
        self._appends = Group[Append, Appended](self._append_all)

    async def start(self) -> None:
        """Connect."""
        await self.check()

    async def stop(self) -> None:
        """Store what waits, and disconnect."""
        await self._appends.close()
        await self._redis.close()

    async def check(self) -> None:
        """Write something, to see whether that works."""
        await self._redis.command("SET", f"{self._prefix}touched", 1)

    # Keys

    def _name(self, room: str, what: str) -> str:
        # What is in braces decides on which node of a cluster a key is: all of a room's are on one.
        return f"{self._prefix}{{{quote(room, safe='')}}}:{what}"

    def _keys(self, room: str, idempotency_keys: Sequence[str] = ()) -> list[str]:
        names = [self._name(room, "room"), self._name(room, "events")]
        return names + [
            self._name(room, f"key:{quote(key, '', errors='surrogatepass')}") for key in idempotency_keys
        ]

    # Rooms

    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands; see `Store.open`."""
        return (await self._open(room, secrets.token_hex(8), 0, now))[0]

    async def _open(self, room: str, epoch: str, last: int, now: float) -> tuple[Position, bool]:
        arguments = (epoch, secrets.token_hex(8), last, repr(now))
        reply = cast("list[Reply]", await self._redis.call(OPEN, self._keys(room), *arguments))
        return _position(reply), bool(reply[3])

    async def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms."""
        seen: set[bytes] = set()
        async for key in self._redis.keys(f"{self._prefix}{{*}}:room"):
            if key not in seen:
                seen.add(key)
                yield unquote(key[key.index(b"{") + 1 : key.rindex(b"}")].decode())

    async def forget(self, room: str) -> None:
        """Remove a room; see `Store.forget`."""
        await self._redis.command("UNLINK", *self._keys(room))

    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch; see `Store.renew`."""
        reply = await self._redis.call(RENEW, self._keys(room), epoch, secrets.token_hex(8))
        if reply is None:
            raise Conflict(f"the room {room!r} is not known")
        return _position(cast("list[Reply]", reply))

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room where it was elsewhere; see `Store.restore`."""
        if not (await self._open(room, epoch, last, now))[1]:
            raise Conflict(f"the room {room!r} is known already")

    # Events

    async def _append(self, append: Append) -> Appended:
        return await self._appends.submit(append, append.size)

    async def _append_all(self, batch: list[Append]) -> Sequence[Appended | Conflict | StoreUnavailable]:
        replies = await self._redis.call_all([self._append_call(append) for append in batch])
        return [_appended(append, reply) for append, reply in zip(batch, replies, strict=True)]

    def _append_call(self, append: Append) -> Call:
        keys = {key: place for place, key in enumerate(append.keys, 1) if key is not None}
        arguments = (
            append.epoch or "",
            "" if append.first_seq is None else append.first_seq,
            secrets.token_hex(8),
            secrets.token_hex(8),
            repr(append.time),
            append.retention.count,
            repr(append.expires),
            max(1, round(append.retention.key_seconds * 1000)),
            len(append.events),
            *append.events,
            *keys.values(),
        )
        announcement = append.announcement
        if announcement is not None and announcement.channel.place == self._redis.place:
            arguments += (announcement.channel.name, announcement.for_whom, self._redis.publish)
        return Call(APPEND, self._keys(append.room, list(keys)), arguments)

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """Events above a number; see `Store.read`."""
        return await self._read(room, "XRANGE", max(0, after) + 1, "+", limit)

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """Events below a number; see `Store.read_back`."""
        newest = "+" if before is None else max(0, before - 1)
        return await self._read(room, "XREVRANGE", newest, "-", limit)

    async def _read(self, room: str, direction: str, start: int | str, stop: str, limit: int) -> list[Stored]:
        reply = await self._redis.call(READ, self._keys(room), direction, start, stop, limit)
        oldest, *events = cast("list[bytes]", reply) or [b"0"]
        return [Stored(seq, event) for seq, event in enumerate(events, _seq(oldest))]

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number that a key stands for; see `Store.find_key`."""
        reply = await self._redis.call(FIND_KEY, self._keys(room, (key,)), repr(now))
        return None if reply is None else int(cast(bytes, reply))

    async def remove(self, room: str, up_to: int) -> int:
        """Remove events up to a number; see `Store.remove`."""
        removed, count = 0, SLICE
        while count == SLICE:
            reply = await self._redis.call(CUT, self._keys(room), up_to, "", NEVER, SLICE, NEVER)
            removed += (count := cast(int, reply))
        return removed

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Remove what is not to be kept; see `Store.trim`. Redis itself forgets keys."""
        removed = 0
        page: list[str] = []
        async for room in self.rooms():
            page.append(room)
            if len(page) == ROOMS_AT_ONCE:
                removed += await self._trim(page, retention_of, now)
                page = []
        return removed + await self._trim(page, retention_of, now)

    async def _trim(self, rooms: list[str], retention_of: Callable[[str], Retention], now: float) -> int:
        removed = 0
        calls = [self._trim_call(room, retention_of(room), now) for room in rooms]
        while calls:
            counts: list[int] = []
            for reply in await self._redis.call_all(calls):
                if isinstance(reply, StoreUnavailable):
                    raise reply
                counts.append(cast(int, reply))
            removed += sum(counts)
            calls = [call for call, count in zip(calls, counts, strict=True) if count == SLICE]
        return removed

    def _trim_call(self, room: str, retention: Retention, now: float) -> Call:
        cutoff = NEVER if retention.seconds is None else repr(retention.cutoff(now))
        room_cutoff = NEVER if retention.room_seconds is None else repr(retention.room_cutoff(now))
        return Call(CUT, self._keys(room), ("", retention.count, cutoff, SLICE, room_cutoff))


def _position(reply: list[Reply]) -> Position:
    epoch, oldest, last = cast("tuple[bytes, bytes, bytes]", tuple(reply[:3]))
    return Position(epoch.decode(), _seq(oldest) if oldest else int(last) + 1, int(last))


def _appended(append: Append, reply: Reply | StoreUnavailable) -> Appended | Conflict | StoreUnavailable:
    if isinstance(reply, StoreUnavailable):
        return reply
    outcome, epoch, seq, *rest = cast("list[bytes]", reply)
    if outcome == b"conflict":
        return conflict(append, epoch.decode() or None, int(seq))
    return Appended(epoch.decode(), int(seq), outcome == b"duplicate", is_announced=bool(rest))


def _seq(entry: bytes) -> int:
    return int(entry.split(b"-")[0])
