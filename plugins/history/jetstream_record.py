"""What is in the stream: a record for each change of a room, with where the room stands after it.

The newest record of a room therefore tells all about it. A record that is too large for one message comes in
pieces, of which the last makes it count: what was interrupted before is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from .store import Position, Stored, StoreUnavailable

VERSION = 1
"""Of the records, which changes when an older Hubbub could not read them."""

PIECE = -1


class Run(msgspec.Struct, array_like=True, frozen=True):
    """Events that were appended in one step."""

    time: float
    expires: float
    """When its keys are forgotten."""
    events: list[bytes]
    keys: list[bytes | None]
    """Digests of the idempotency keys, one for each event; empty where there is none."""


class Record(msgspec.Struct, array_like=True, frozen=True):
    """One change of a room, or a piece of one."""

    epoch: str
    first: int
    last: int
    time: float
    """Of the last append."""
    since: int
    """Number in the stream of the room's record before: this one and its pieces come after."""
    keys_from: int
    """From which number in the stream on there may be keys that are known; 0: nowhere."""
    pieces: int
    """How many pieces right before belong to it; `PIECE` for one of them, which changes nothing by itself."""
    body: bytes
    """The runs, or what of them is in this piece."""

    @property
    def position(self) -> Position:
        """Where the room stands."""
        return Position(self.epoch, self.first, self.last)


class Message(NamedTuple):
    """A record at its place in the stream."""

    number: int
    record: Record


class Change(NamedTuple):
    """A record with all its pieces."""

    number: int
    record: Record
    runs: Sequence[Run]

    @property
    def first_seq(self) -> int:
        """The number of its first event."""
        return self.record.last + 1 - sum(len(run.events) for run in self.runs)

    def stored(self) -> Iterator[Stored]:
        """Its events with their numbers."""
        events = (event for run in self.runs for event in run.events)
        return map(Stored, range(self.first_seq, self.record.last + 1), events)


_records = msgspec.msgpack.Decoder(Record)
_runs = msgspec.msgpack.Decoder(list[Run])
_encoder = msgspec.msgpack.Encoder()


def digest(key: str) -> bytes:
    """What stands for a key, of whichever length that is."""
    return blake2b(key.encode(errors="surrogatepass"), digest_size=12).digest()


def encode(record: Record) -> bytes:
    """A record as a message."""
    return _encoder.encode(record)


def encode_runs(runs: Sequence[Run]) -> bytes:
    """The body of a record."""
    return _encoder.encode(runs) if runs else b""


def decode(number: int, message: bytes) -> Message:
    """The record in a message. Raise `StoreUnavailable` where it is none."""
    try:
        return Message(number, _records.decode(message))
    except msgspec.DecodeError:
        raise not_ours(number) from None


def in_pieces(record: Record, before: Record | None, most: int) -> Iterator[Record]:
    """A record whose body is larger than ``most`` bytes as several, the last of which makes it count.

    The others say where the room stood ``before``.
    """
    body = record.body
    starts = range(0, max(len(body) - most, 0), most)
    stands = before or msgspec.structs.replace(record, last=record.first - 1, keys_from=0)
    for start in starts:
        piece = body[start : start + most]
        yield msgspec.structs.replace(stands, since=record.since, pieces=PIECE, body=piece)
    yield (
        msgspec.structs.replace(record, pieces=len(starts), body=body[len(starts) * most :]) if starts else record
    )


def after(message: Message) -> int:
    """From which number in the stream on everything after a record is, with all its pieces."""
    return (message.record.since if message.record.pieces == PIECE else message.number) + 1


class Assembly:
    """Puts pieces together, of the messages of one room in their order."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def take(self, message: Message) -> Change | None:
        """What changed with this message; None for a piece."""
        record = message.record
        if record.pieces == PIECE:
            self._pieces.append(record.body)
            return None
        if record.pieces > len(self._pieces):
            raise StoreUnavailable(f"A piece before message {message.number} of the history's stream is missing.")
        before = self._pieces[-record.pieces :] if record.pieces else ()
        self._pieces = []
        body = b"".join((*before, record.body))
        try:
            return Change(message.number, record, _runs.decode(body) if body else ())
        except msgspec.DecodeError:
            raise not_ours(message.number) from None


def not_ours(number: int) -> StoreUnavailable:
    """What to raise where somebody else has written into the stream."""
    return StoreUnavailable(
        f"Message {number} of the history's stream is no record of Hubbub. Somebody else has written it: "
        "look who, and remove it."
    )
