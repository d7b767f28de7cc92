"""One room in the stream: what is known of it here, and how it is changed.

Who changes a room says after which of its records the new one comes; where another server was faster, nothing is
stored, and the change is thought over with what that one has done. So all servers see one order, and what is
decided by the keys that are known here is right.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple, TypeAlias, TypeVar, cast

from .group import Group
from .jetstream_draft import Draft
from .jetstream_keys import Keys
from .jetstream_record import Assembly, Change, Message, Record, after, encode, encode_runs, in_pieces
from .jetstream_stream import Stream, WrongPlace
from .store import Conflict, StoreUnavailable

T = TypeVar("T")

Work: TypeAlias = Callable[[Draft], object]

MOST_IN_A_RECORD = 256 * 1024
"""Bytes that are put together in one record; what was appended in one step may be more."""

MOST_TRIES = 100


class _Request(NamedTuple):
    work: Work
    size: int
    needs_keys: bool


class RoomLog:
    """The records of one room."""

    def __init__(self, stream: Stream, room: str) -> None:
        self.room = room
        self.subject = stream.subject(room)
        self.newest: Message | None = None
        """The newest record that is known here."""
        self._stream = stream
        self._keys: Keys | None = None
        self._is_known = False
        """Whether that is where the room stood, as far as anybody here can know."""
        self._requests = Group[_Request, object](self._work_all)
        self._pending = 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for it."""
        return not self._pending

    @property
    def keys(self) -> int:
        """How many keys it holds."""
        return len(self._keys) if self._keys is not None else 0

    def reset(self) -> None:
        """Forget what is known here; the stream may be another one."""
        self.newest, self._keys, self._is_known = None, None, False

    async def close(self) -> None:
        """Finish what waits, and take no more."""
        await self._requests.close()

    async def do(self, work: Callable[[Draft], T], *, size: int = 500, needs_keys: bool = False) -> T:
        """Change the room, or look at it as it is in this moment.

        ``work`` may be called several times, and only what comes of the last counts; it may raise `Conflict`.
        """
        self._pending += 1
        try:
            return cast(T, await self._requests.submit(_Request(work, size, needs_keys), size))
        finally:
            self._pending -= 1

    # Changing

    async def _work_all(self, requests: list[_Request]) -> Sequence[object]:
        outcomes: list[object] = []
        while len(outcomes) < len(requests):
            size, some = 0, list[_Request]()
            for request in requests[len(outcomes) :]:
                if some and size + request.size > MOST_IN_A_RECORD:
                    break
                some.append(request)
                size += request.size
            try:
                outcomes += await self._work(some)
            except StoreUnavailable as error:
                return [*outcomes, *(StoreUnavailable(*error.args) for _ in requests[len(outcomes) :])]
        return outcomes

    async def _work(self, requests: Sequence[_Request]) -> Sequence[object]:
        """What comes of the requests, which is true: it was stored, or the room was looked at meanwhile."""
        needs_keys = any(request.needs_keys for request in requests)
        is_fresh = not self._is_known
        if is_fresh:
            await self.look()
        for _ in range(MOST_TRIES):
            if needs_keys and self._keys is None and not await self._load_keys():
                await self.look()  # There is a new connection: begin again.
                is_fresh = True
                continue
            newest, keys = self.newest, self._keys
            draft = Draft(self.room, newest.record if newest is not None else None, keys)
            outcomes = [_outcome(request.work, draft) for request in requests]
            if draft.is_changed:
                try:
                    await self._put(draft, newest, keys)
                except WrongPlace:
                    pass
                else:
                    return outcomes
            elif is_fresh:
                return outcomes
            await self.look()
            is_fresh = True
        raise StoreUnavailable(f"Others append to the room {self.room!r} without a pause.")

    async def _put(self, draft: Draft, newest: Message | None, keys: Keys | None) -> None:
        """Store what was drafted on ``newest``. Raise `WrongPlace`, and nothing counts."""
        self._is_known = False  # Until the answer is here.
        since = newest.number if newest is not None else 0
        if keys is not None:
            keys.prune(draft.now)
        keys_from = keys.start if keys is not None else newest.record.keys_from if newest is not None else 0
        record = Record(
            draft.epoch,
            draft.first,
            draft.last,
            draft.time,
            since,
            keys_from or (since + 1 if draft.has_keys else 0),
            0,
            encode_runs(draft.runs),
        )
        number = since
        for piece in in_pieces(record, newest.record if newest is not None else None, self._stream.most_body):
            number = await self._stream.put(self.subject, encode(piece), after=number)
        if self.newest is newest:  # It was not reset meanwhile.
            self._is_known = True
            self.newest = Message(number, record)
            if keys is not None:
                keys.add(Change(number, record, draft.runs))

    # Looking

    async def look(self) -> Message | None:
        """Ask the stream where the room stands, and learn what others have done."""
        known, keys = self.newest, self._keys
        newest = self.newest = await self._stream.newest(self.subject)
        self._is_known = True
        if keys is None or known == newest:
            return newest
        self._keys = None
        if known is None or newest is None or newest.number <= known.number:
            return newest  # It was forgotten, or it is no longer what it was.
        if newest.record.since == known.number and not newest.record.pieces:
            self._learn(keys, Assembly().take(newest))
        else:
            async with aclosing(self.changes(after(known))) as others:
                async for change in others:
                    if change.number <= newest.number:
                        self._learn(keys, change)
        if self.newest is newest:
            self._keys = keys
        return newest

    def _learn(self, keys: Keys, change: Change | None) -> None:
        if change is not None:
            keys.add(change)

    async def _load_keys(self) -> bool:
        """Gather the keys that are known, unless the room is reset meanwhile; return whether they are here."""
        newest, keys = self.newest, Keys()
        if newest is not None and newest.record.keys_from:
            async with aclosing(self.changes(newest.record.keys_from)) as found:
                async for change in found:
                    if change.number <= newest.number:
                        keys.add(change)
        if self.newest is newest:
            self._keys = keys
        return self._keys is not None

    async def changes(self, start: int) -> AsyncGenerator[Change]:
        """What is in the stream from a number on, up to the newest."""
        assembly = Assembly()
        async with aclosing(self._stream.read(self.subject, start)) as messages:
            async for message in messages:
                if (change := assembly.take(message)) is not None:
                    yield change


def _outcome(work: Work, draft: Draft) -> object:
    try:
        return work(draft)
    except Conflict as conflict:
        return conflict
