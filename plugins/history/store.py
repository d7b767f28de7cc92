"""What a store of history promises, whichever database is behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from ...core import Channel

Durability: TypeAlias = Literal["full", "normal"]
"""What an append outlives: ``full`` a power failure, ``normal`` the end of the server's process in any way."""


class StoreUnavailable(Exception):
    """The store cannot do its work at the moment; once the trouble ends, it does so again by itself.

    Its text names the place, the trouble and the remedy. A change that ends with this was made as a whole or not
    at all, and which of the two is not known: `Store.open` tells.
    """


class StoreUnusable(StoreUnavailable):
    """No waiting helps: a newer version wrote what is there, or it belongs to another program."""


class Conflict(Exception):
    """The room does not stand where the caller thought, and nothing was stored.

    Another server has appended, the room was forgotten, or an earlier append of the caller's own was stored
    although it ended with `StoreUnavailable`. `Store.open` tells where it stands now. Where that is an epoch as
    before with a lower ``last``, promised events were lost, as a Redis does that fails over: `Store.renew` it.
    """


class Stored(NamedTuple):
    """An event as it was appended, and its number."""

    seq: int
    event: bytes


class Position(NamedTuple):
    """Where a room stands: ``first`` to ``last`` are kept, without a hole.

    Where nothing is kept, ``first`` is ``last + 1``. Numbers mean something together with their ``epoch`` alone.
    """

    epoch: str
    first: int
    last: int


class Appended(NamedTuple):
    """What became of `Store.append_next`."""

    epoch: str
    seq: int
    is_duplicate: bool
    """Whether the key had been seen: nothing was stored now, and ``seq`` is that of the first time."""
    is_announced: bool = False
    """Whether the event was published in the same step."""


class Announcement(NamedTuple):
    """How a store that can do so publishes an event in the same step in which it stores it."""

    channel: Channel
    for_whom: bytes
    """See `Publication.for_whom`."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a room is kept, and how safely. What exceeds it may be there until the next `Store.trim`."""

    count: int
    """Events: the newest so many."""

    seconds: float | None = None
    """Age of an event; None: any."""

    key_seconds: float = 300.0
    """How long an idempotency key is known, also where its event is gone."""

    room_seconds: float | None = None
    """How long after its last append a room is known of which no event is kept; None: for ever."""

    durability: Durability | None = None
    """What an append outlives, in a store that leaves the choice; None: as the store was made."""

    def cutoff(self, now: float) -> float:
        """The time of the youngest events that are too old."""
        return float("-inf") if self.seconds is None else now - self.seconds

    def room_cutoff(self, now: float) -> float:
        """The time of the last append to rooms that may be forgotten."""
        return float("-inf") if self.room_seconds is None else now - self.room_seconds


class Append(NamedTuple):
    """What is to be stored, in the place that was expected, or in the next one where ``first_seq`` is None."""

    room: str
    epoch: str | None
    first_seq: int | None
    events: Sequence[bytes]
    keys: Sequence[str | None]
    time: float
    retention: Retention
    announcement: Announcement | None = None

    @property
    def size(self) -> int:
        """Bytes, roughly, that it holds while it waits."""
        return 200 * len(self.events) + sum(map(len, self.events))

    @property
    def expires(self) -> float:
        """When its keys are forgotten."""
        return self.time + self.retention.key_seconds


class Store(ABC):
    """Keeps the events of rooms, in the order of their numbers.

    Every method may raise `StoreUnavailable`. Times are in seconds since 1970 and the caller's: a store looks at
    no clock. A room is any name of visible characters and spaces; a key, which makes publishing idempotent, any
    text. Nothing here blocks the event loop, and what waits is bounded: beyond that, appending raises
    `StoreUnavailable` at once.
    """

    @abstractmethod
    async def start(self) -> None:
        """Connect, and create or migrate what is needed.

        Where it raises `StoreUnavailable`, the store is started all the same and connects when it can;
        `StoreUnusable` is for a person to resolve.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Finish what is under way, and disconnect. Also right after a failed `start`."""

    @abstractmethod
    async def check(self) -> None:
        """Return where an append would be taken now; else raise `StoreUnavailable`."""

    @abstractmethod
    async def open(self, room: str, *, now: float) -> Position:
        """Tell where a room stands. One that is not known begins, with an epoch that no other ever had."""

    async def append(
        self,
        room: str,
        epoch: str,
        first_seq: int,
        events: Sequence[bytes],
        *,
        keys: Sequence[str | None],
        time: float,
        retention: Retention,
    ) -> None:
        """Store events as ``first_seq``, ``first_seq + 1`` and so on: all or none, and durable when this returns.

        ``keys`` has one for each event, or None. Appends that are made in the same moment are committed together,
        as durably as any of them asks for.
        Raise `Conflict` where ``epoch`` is not the room's, or ``first_seq`` is not the number after its last.
        Where the call is cancelled, the events may be stored or not.
        """
        await self.append_all(Append(room, epoch, first_seq, events, keys, time, retention))

    async def append_all(self, append: Append) -> Appended:
        """As `append` or `append_next`, with everything in one."""
        return await self._append(_checked(append))

    async def append_next(
        self,
        room: str,
        event: bytes,
        *,
        key: str | None,
        time: float,
        retention: Retention,
        announcement: Announcement | None = None,
    ) -> Appended:
        """Store an event under whichever number is next, unless its key is known.

        For several servers at one store. The room begins where it is not known. A store that
        cannot publish leaves ``announcement`` alone. Else as `append`.
        """
        append = Append(room, None, None, (event,), (key,), time, retention, announcement)
        return await self.append_all(append)

    is_immediate: ClassVar[bool] = False
    """Whether the store has nothing to wait for, and so `append_at_once`."""

    def append_at_once(self, append: Append) -> None:
        """As `append`, without a wait, in a store that is immediate."""
        raise NotImplementedError

    @abstractmethod
    async def _append(self, append: Append) -> Appended:
        """Store it; ``seq`` of what is returned is that of the first event."""

    @abstractmethod
    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        """At most ``limit`` events with numbers above ``after``, oldest first, without holes.

        Where the first of them is not ``after + 1``, those before are no longer kept.
        """

    @abstractmethod
    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        """The newest ``limit`` events with numbers below ``before``, or of all, oldest first."""

    @abstractmethod
    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        """The number of the event that was appended with this key, while the key is known."""

    @abstractmethod
    async def remove(self, room: str, up_to: int) -> int:
        """Remove the events up to and including a number; return how many. Their keys stay known."""

    @abstractmethod
    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        """Go through all rooms and remove what is not to be kept; return how many events.

        It works in small slices, between which appends are taken; run one at a time.
        """

    @abstractmethod
    def rooms(self) -> AsyncIterator[str]:
        """The names of all rooms, in no particular order."""

    @abstractmethod
    async def forget(self, room: str) -> None:
        """Remove a room with all it has; where it is opened again, it has a new epoch."""

    @abstractmethod
    async def renew(self, room: str, epoch: str) -> Position:
        """Give a room a new epoch, and keep its events: for one whose order of events is broken.

        Where its epoch is no longer ``epoch``, somebody else has done so, and it stays. Raise `Conflict` where the
        room is not known.
        """

    @abstractmethod
    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        """Begin a room with the epoch and the last number that it had elsewhere; for imports.

        Raise `Conflict` where the room is known.
        """


def conflict(append: Append, epoch: str | None, last: int) -> Conflict:
    """Why an append was refused, for the log; ``epoch`` is that of the room, None where there is no such room."""
    wanted = f"event {append.first_seq} of the room {append.room!r} in the epoch {append.epoch}"
    if epoch is None:
        return Conflict(f"{wanted} was not stored: the room is not known")
    return Conflict(f"{wanted} was not stored: the room is at {last} in the epoch {epoch}")


def _checked(append: Append) -> Append:
    if not append.events or len(append.keys) != len(append.events):
        raise ValueError(
            f"{len(append.events)} events and {len(append.keys)} keys to append: one key for each event"
        )
    if not append.room.isprintable():  # No database takes every character in a name.
        raise ValueError(f"a room's name has visible characters only, not {append.room!r}")
    return append
