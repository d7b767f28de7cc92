"""Numbers the publications of one room, has them stored, and lets them go out, in this order.

An event goes out only once the store has it: who has seen a number can rely on finding it again. While some events
are being stored the next ones wait, and are then stored together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from ...core import DONE, Duplicate, InOrder, Publication, Rejected, RoomEvent, System, start, with_seq
from .entry import Entry, key_of
from .recent import Recent
from .store import Append, Conflict, Position, Retention, Store, Stored, StoreUnavailable

logger = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Events of one room that may wait for the store."""

MOST_AT_ONCE = 500
"""Events that are stored in one step, or read in one."""

MOST_CONFLICTS = 10

GoOut = Callable[[str, Publication], Awaitable[None] | None]
"""Takes what was stored to the members of the room."""


class RoomRecorder:
    """One room: which number is next, what is being stored, and what its members got last."""

    def __init__(
        self,
        room: str,
        position: Position,
        store: Store,
        retention: Retention,
        go_out: GoOut,
        failed: Callable[[StoreUnavailable], Rejected],
    ) -> None:
        """``failed`` is told when the store does not do its work, and says what to refuse with."""
        self.room = room
        self.epoch = position.epoch
        self.delivered = position.last
        """The last event that went out."""
        self.recent = Recent()
        self.is_doubtful = False
        """Whether only the store knows what it has: a step ended without an answer."""
        self._last = position.last
        self._store = store
        self._retention = retention
        self._go_out = go_out
        self._failed = failed
        self._waiting: list[Entry] = []
        self._under_way: dict[str, Entry] = {}
        """What has a key and is not stored yet."""
        self._writer: asyncio.Future[None] | None = None
        self._store_is_slow = False
        self._loop = asyncio.get_running_loop()  # Asking for it each time costs a system call in Python 3.11.

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing is in doubt."""
        return self._writer is None and not self.is_doubtful

    def publish(self, event: RoomEvent, exclude: str | None) -> Awaitable[None]:
        """Store ``event`` and let it go out. Raise `Rejected` where that cannot be, or let the awaitable do so."""
        if self._writer is None and not self.is_doubtful and self._store.is_immediate:
            publication = self._store_at_once(event, exclude)
            if publication is not None:
                waiting = self._out(publication)
                return DONE if waiting is None else InOrder(asyncio.ensure_future(waiting))
        if len(self._waiting) >= MOST_WAITING:
            raise unavailable("More events wait to be stored than may.")
        entry = Entry(event, exclude, self._last + 1)
        self._last += 1
        self._waiting.append(entry)
        if entry.key is not None:
            self._under_way[entry.key] = entry
        self.work()
        end = entry.end(self._loop)
        return DONE if end is None else InOrder(end)

    def _store_at_once(self, event: RoomEvent, exclude: str | None) -> Publication | None:
        """Store ``event`` without a wait; None where the room does not stand where it should."""
        publication, seq = Publication.of(event, exclude), self._last + 1
        append = Append(
            self.room,
            self.epoch,
            seq,
            (publication.json,),
            (None if event.id is None else key_of(event.user, event.id),),
            time.time(),
            self._retention,
        )
        try:
            self._store.append_at_once(append)
        except Conflict:
            return None
        self._last = event.seq = seq
        publication.number(seq)
        return publication

    async def find(self, key: str) -> int | None:
        """The ``seq`` of what was published with this key before. Raise `StoreUnavailable`."""
        if key in self._under_way:
            end = self._under_way[key].end(self._loop)
            if end is not None:
                await asyncio.wait((end,))
        if self.is_doubtful:
            await self.settle()
        return await self._store.find_key(self.room, key, now=time.time())

    async def settle(self) -> None:
        """Wait until nothing is under way. Raise `StoreUnavailable` where what is in doubt stays so."""
        if self.is_doubtful and self._writer is None:
            self.work()
        while self._writer is not None:
            await asyncio.wait((self._writer,))
        if self.is_doubtful:
            raise StoreUnavailable(f"It is not known what is stored of the room {self.room!r}.")

    def work(self) -> None:
        """Store what waits, and settle what is in doubt, unless that is under way."""
        if self._writer is None:
            # A store that takes its time is asked in the next turn of the loop: what this one brings goes along.
            writer = asyncio.ensure_future(self._write()) if self._store_is_slow else start(self._write())
            if writer is not None:
                self._writer, self._store_is_slow = writer, True

    async def _write(self) -> None:
        """Store what waits until nothing does, all that is there at a time."""
        entries: list[Entry] = []
        try:
            if self.is_doubtful:
                await self._resume(())
            while self._waiting:
                entries, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                entries = await self._store_entries(entries)
                for entry in entries:
                    refusal = None
                    try:
                        waiting = self._out(entry.publication)
                        if waiting is not None:
                            await waiting
                    except Rejected as rejected:
                        refusal = rejected
                    self._end(entry, refusal)
        except StoreUnavailable as error:
            self._give_up(entries, self._failed(error))
        except Exception:
            logger.exception("the room %r cannot be recorded", self.room)
            self._give_up(entries, unavailable("The history of this room cannot be written."))
        finally:
            self._writer = None

    async def _store_entries(self, entries: list[Entry]) -> list[Entry]:
        """Store those that nobody else has stored; return them."""
        for _ in range(MOST_CONFLICTS):
            if not entries:
                return entries
            events, keys = [entry.publication.unnumbered for entry in entries], [entry.key for entry in entries]
            append = Append(self.room, self.epoch, entries[0].seq, events, keys, time.time(), self._retention)
            try:
                await self._store.append_all(append)
            except Conflict as conflict:
                logger.info("the room %r is resumed: %s", self.room, conflict)
                known = await self._stored_elsewhere((*entries, *self._waiting))
                entries = [entry for entry in entries if entry not in known]
                self._waiting = [entry for entry in self._waiting if entry not in known]
                await self._resume(entries)
            else:
                return entries
        raise StoreUnavailable(f"Others append to the room {self.room!r} without a pause.")

    async def _stored_elsewhere(self, entries: Iterable[Entry]) -> set[Entry]:
        """What was sent to another server, too, which has stored it."""
        known: set[Entry] = set()
        for entry in entries:
            seq = entry.key and await self._store.find_key(self.room, entry.key, now=time.time())
            if isinstance(seq, int):
                known.add(entry)
                self._refuse((entry,), Duplicate(self.room, seq))
        return known

    def _out(self, publication: Publication) -> Awaitable[None] | None:
        """Let a stored event go out."""
        assert publication.seq is not None
        self.delivered = publication.seq
        self.recent.add(publication)
        return self._go_out(self.room, publication)

    def _end(self, entry: Entry, error: Exception | None = None) -> None:
        if entry.key is not None and self._under_way.get(entry.key) is entry:
            del self._under_way[entry.key]
        entry.ended(error)

    def _give_up(self, entries: Iterable[Entry], refusal: Rejected) -> None:
        """Refuse these and all that wait."""
        self.is_doubtful = True
        waiting, self._waiting = self._waiting, []
        self._refuse((*entries, *waiting), refusal)

    def _refuse(self, entries: Iterable[Entry], refusal: Exception) -> None:
        for entry in entries:
            self._end(entry, refusal)

    async def _resume(self, entries: Iterable[Entry]) -> None:
        """Ask the store where the room stands, let go out what nobody has got yet, and number ``entries`` anew."""
        position = await self._store.open(self.room, now=time.time())
        if position.epoch == self.epoch and position.last < self.delivered:
            position = await self._store.renew(self.room, self.epoch)
        if position.epoch != self.epoch:
            self.epoch, self.delivered, self.recent = position.epoch, position.last, Recent()
            await (self._go_out(self.room, renewed(self.room, position)) or DONE)
        while self.delivered < position.last:
            for stored in await self._store.read(self.room, self.delivered, MOST_AT_ONCE):
                await (self._out(publication_of(self.room, stored)) or DONE)
        self._last = position.last
        self.is_doubtful = False
        for entry in (*entries, *self._waiting):
            self._last += 1
            entry.number(self._last)


def renewed(room: str, position: Position) -> Publication:
    """Tells the members that the numbers mean something else from now on: what was missed cannot be known."""
    logger.warning("the history of the room %r begins anew", room)
    message = "The history of this room begins anew: something may be missing before it."
    return Publication(
        System(
            event="renewed",
            message=message,
            timestamp=datetime.now(UTC),
            room=room,
            epoch=position.epoch,
            seq=position.last,
            recovered=False,
        )
    )


def publication_of(room: str, stored: Stored) -> Publication:
    """A stored event on its way out."""
    publication = Publication(RoomEvent(room=room, seq=stored.seq), with_seq(stored.event, stored.seq))
    publication.seq = stored.seq
    return publication


def unavailable(message: str) -> Rejected:
    """The refusal of what the store does not take."""
    return Rejected("unavailable", f"{message} Nothing was published; try again later.", retry_after=1.0)
