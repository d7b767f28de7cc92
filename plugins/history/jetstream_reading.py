"""Finds events by their numbers, which are not those of the stream."""

from __future__ import annotations

from contextlib import aclosing

from .jetstream_record import PIECE, Assembly, Message, after
from .jetstream_room import RoomLog
from .jetstream_stream import Stream
from .store import Stored

NEAR = 64
"""Events, or messages of the stream, that are passed over rather than looking for a better place to begin."""

MOST_LOOKS = 40


async def read(stream: Stream, log: RoomLog, newest: Message, above: int, up_to: int) -> list[Stored]:
    """The events with numbers above one and up to another, of a room that stands at ``newest``."""
    above, up_to = max(above, newest.record.first - 1), min(up_to, newest.record.last)
    if above >= up_to:
        return []
    if not newest.record.pieces:
        change = Assembly().take(newest)
        if change is not None and change.first_seq <= above + 1:
            return [event for event in change.stored() if above < event.seq <= up_to]
    found: list[Stored] = []
    async with aclosing(log.changes(await place_of(stream, log.subject, newest, above))) as changes:
        async for change in changes:
            if change.record.last > above:
                found += [event for event in change.stored() if above < event.seq <= up_to]
            if change.record.last >= up_to:
                break
    return found


async def place_of(stream: Stream, subject: str, newest: Message, above: int) -> int:
    """A number of the stream not after the event that follows ``above``, and not far before it.

    Records are looked at where it is likely, by how far the number is between two that are known, and in the
    middle by turns, for what else is in the stream may lie unevenly.
    """
    low, low_seq = 0, 0
    high, high_seq = newest.number, newest.record.last
    guess = 1
    for turn in range(MOST_LOOKS):
        message = await stream.next(subject, guess)
        if message is None or message.number >= high:
            high = guess
        elif message.record.last <= above:
            low, low_seq = max(low, after(message) - 1), message.record.last
            if message.record.pieces == PIECE:
                break
        else:
            if turn == 0:  # It is among the first.
                break
            high, high_seq = guess, message.record.last
        if high - low <= NEAR or above - low_seq <= NEAR:
            break
        share = (above - low_seq) / max(1, high_seq - low_seq)
        ahead = max(1, int((high - low) * share) - NEAR // 2) if turn % 3 != 2 else (high - low) // 2
        guess = min(low + ahead, high - 1)
    return low + 1
