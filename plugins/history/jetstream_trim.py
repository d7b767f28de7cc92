"""Removes what of a room is not to be kept.

Events are removed by a record that says from which number on they are kept. What is before is then taken out of
the stream, up to the first record with keys that are still known.
"""

from __future__ import annotations

from contextlib import aclosing

from .jetstream_reading import place_of
from .jetstream_record import Assembly, Change, Message
from .jetstream_room import RoomLog
from .jetstream_stream import Stream
from .store import Retention

SLICE = 5000
"""How many records are taken out of the stream in one step."""


async def trim(stream: Stream, log: RoomLog, retention: Retention, now: float) -> int:
    """Remove from a room what is not to be kept; return how many events. Raise `StoreUnavailable`."""
    newest = await stream.newest(log.subject)
    if newest is None:
        return 0
    first = max(newest.record.first, newest.record.last - retention.count + 1)
    if retention.seconds is not None and first <= newest.record.last:
        first = await _first_young(stream, log, newest, first, retention.cutoff(now))
    removed = 0
    if first > newest.record.first:
        removed = await log.do(lambda draft: draft.remove(first - 1))
    await _purge(stream, log, newest, first, now)
    if not removed and first > newest.record.last and newest.record.time <= retention.room_cutoff(now):
        # What is appended in this moment stays, and the room with it.
        await stream.purge(log.subject, newest.number + 1)
        log.reset()
    return removed


async def _first_young(stream: Stream, log: RoomLog, newest: Message, first: int, cutoff: float) -> int:
    """The first event from ``first`` on that is not too old; what comes after it is kept, however old."""
    start = await place_of(stream, log.subject, newest, first - 1)
    peeked = await stream.next(log.subject, start)
    if peeked is not None and not peeked.record.pieces:
        change = Assembly().take(peeked)
        if change is not None and change.first_seq <= first <= change.record.last:
            young = _young(change, first, cutoff)
            if young <= change.record.last:
                return young
    async with aclosing(log.changes(start)) as changes:
        async for change in changes:
            first = _young(change, first, cutoff)
            if change.number >= newest.number or first <= change.record.last:
                break
    return first


def _young(change: Change, first: int, cutoff: float) -> int:
    seq = change.first_seq
    for run in change.runs:
        seq += len(run.events)
        if seq > first:
            if run.time > cutoff:
                break
            first = seq
    return first


async def _purge(stream: Stream, log: RoomLog, newest: Message, first: int, now: float) -> None:
    """Take out of the stream what nobody needs: not the newest record, which tells where the room stands."""
    peeked = await stream.next(log.subject, 1)
    if peeked is None or peeked.number >= newest.number:
        return
    if not peeked.record.pieces and not _is_useless(Assembly().take(peeked), first, now):
        return
    start = count = 0
    async with aclosing(log.changes(1)) as changes:
        async for change in changes:
            if change.number >= newest.number or not _is_useless(change, first, now):
                break
            start, count = change.number + 1, count + 1
            if count % SLICE == 0:
                await stream.purge(log.subject, start)
    if count % SLICE:
        await stream.purge(log.subject, start)


def _is_useless(change: Change | None, first: int, now: float) -> bool:
    return (
        change is not None
        and change.record.last < first
        and not any(run.keys and run.expires > now for run in change.runs)
    )
