"""One room in which several servers publish: the store numbers, the broker carries, and here comes the order.

What arrives twice is dropped, what arrives too early waits, and what does not arrive is read from the store; what
is not there either is told to the members by a `gap`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from ...core import DONE, Broker, Duplicate, Gap, Publication, Rejected, RoomEvent, with_seq
from ...protocol import Encoded
from .entry import key_of
from .recent import Recent
from .room_recorder import MOST_AT_ONCE, publication_of, renewed, unavailable
from .store import Announcement, Position, Retention, Store, StoreUnavailable

logger = logging.getLogger(__name__)

PATIENCE = 0.05
"""Seconds that a missing event has to arrive by itself."""

LOOKING_PATIENCE = 2.0
"""Seconds that publishing waits for what was missed: short of `server.hook_timeout` also with storing."""

MOST_EARLY = 10_000
"""Events that may wait for an earlier one; beyond that the store is asked for them later."""


async def publish_shared(
    store: Store, broker: Broker, room: str, event: RoomEvent, publication: Publication, retention: Retention
) -> None:
    """Have the store number the event, and the broker carry it to all servers, this one included.

    Raise `StoreUnavailable`, `Rejected` ``unavailable`` where the broker is away, or `Duplicate`.
    """
    broker.check()  # What is refused for that reason is not to be found in the store, to go out later.
    channel = broker.channel_of(room)
    appended = await store.append_next(
        room,
        publication.unnumbered,
        key=key_of(event.user, event.id),
        time=time.time(),
        retention=retention,
        announcement=channel and Announcement(channel, publication.for_whom),
    )
    event.seq = appended.seq
    publication.number(appended.seq, appended.epoch)
    if not appended.is_announced:
        # Also what was stored before: the server that stored it may have died before the broker had it.
        await (broker.publish(room, publication) or DONE)
    if appended.is_duplicate:
        raise Duplicate(room, appended.seq)


class SharedRoom:
    """The order of one room on one of its servers."""

    def __init__(
        self,
        room: str,
        position: Position,
        store: Store,
        broker: Broker,
        go_out: Callable[[str, Publication], None],
        failed: Callable[[StoreUnavailable], Rejected],
    ) -> None:
        """``go_out`` takes events to the members here; ``failed`` is told when the store does not answer."""
        self.room = room
        self.epoch = position.epoch
        self.delivered = position.last
        """The last event that the members here have got."""
        self.recent = Recent()
        self._store = store
        self._broker = broker
        self._go_out = go_out
        self._failed = failed
        self._early: dict[int, Publication] = {}
        self._filling: asyncio.Task[None] | None = None
        self._must_look = False
        """Whether something may be in the store of which nothing has arrived."""
        self._looked: asyncio.Future[None] | None = None
        """Done when that is found out, if it is not known yet."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being looked for."""
        return self._filling is None

    @property
    def is_doubtful(self) -> bool:
        """Whether it is not known what the room has had: the store decides that alone."""
        return False

    async def settle(self) -> None:
        """See to it that everything has gone out that the store has."""
        await self.fill()

    # Arriving

    def arrived(self, publication: Publication) -> None:
        """Let an event go out if it is the next, or keep it until those before it are here."""
        seq = publication.seq
        assert seq is not None
        if publication.epoch != self.epoch:
            self.look_again(0.0)
        elif seq == self.delivered + 1:
            self._out(publication)
            self._out_early()
        elif seq > self.delivered:
            if len(self._early) < MOST_EARLY:
                self._early[seq] = publication
            self.look_again(PATIENCE)

    def _out(self, publication: Publication) -> None:
        self._go_out(self.room, publication)
        self.delivered += 1
        self.recent.add(publication)

    def _out_early(self) -> None:
        while (publication := self._early.pop(self.delivered + 1, None)) is not None:
            self._out(publication)

    def look_again(self, patience: float) -> None:
        """Ask the store what should be here: at once, or if something is still missing after ``patience`` seconds.

        Where that is under way it is done once more: the store may have answered before what this is about.
        """
        if not patience:
            self._must_look = True
            if self._looked is None:
                self._looked = asyncio.get_running_loop().create_future()
        if self._filling is None:
            self._filling = asyncio.get_running_loop().create_task(self._fill(patience))

    async def _fill(self, patience: float) -> None:
        try:
            await asyncio.sleep(patience)
            while self._must_look or self._early:
                self._must_look = False
                await self.fill()
                if not self._must_look:
                    self._has_looked()
                if self._early:
                    await asyncio.sleep(PATIENCE)
        except StoreUnavailable as error:
            self._failed(error)
        finally:
            self._filling = None
            self._has_looked()

    def _has_looked(self) -> None:
        if self._looked is not None:
            self._looked.set_result(None)
            self._looked = None

    async def looked(self) -> None:
        """Wait while it is not known whether the store still has what went out here.

        What is published before would get a number that members here know already. Raise `Rejected`
        ``unavailable`` where that takes long.
        """
        if self._looked is not None:
            done, _ = await asyncio.wait((self._looked,), timeout=LOOKING_PATIENCE)
            if not done:
                raise unavailable("What was missed of the room is still being read.")

    async def fill(self) -> None:
        """Let go out what the store has and nobody here has got. Raise `StoreUnavailable` where it cannot tell."""
        await self._broker.subscribed(self.room)
        # More may arrive while the store answers, of which its answer says nothing.
        known, newest = self.delivered, self.recent.newest(1)
        position = await self._store.open(self.room, now=time.time())
        if position.epoch == self.epoch and (position.last < known or await self._is_another(known, newest)):
            # It has lost something: its next numbers must not be taken for those that were seen.
            position = await self._store.renew(self.room, self.epoch)
        if position.epoch != self.epoch:
            self._start_over(position)
        if position.first > self.delivered + 1:
            self._tell_gap(self.delivered + 1, position.first - 1)
        while self.delivered < position.last:
            page = await self._store.read(self.room, self.delivered, MOST_AT_ONCE)
            if not page:
                break
            for stored in page:
                if stored.seq == self.delivered + 1:
                    self._out(publication_of(self.room, stored))
                elif stored.seq > self.delivered:
                    self._tell_gap(self.delivered + 1, stored.seq - 1)
                    self._out(publication_of(self.room, stored))
                self._early.pop(stored.seq, None)
        self._out_early()

    async def _is_another(self, seq: int, seen: Sequence[Encoded] | None) -> bool:
        """Whether the store has another event where the members here have ``seen`` one.

        It may have lost the last ones, as a replica that was behind, and got new ones from a server that had not
        seen those.
        """
        if not seen:
            return False
        page = await self._store.read(self.room, seq - 1, 1)
        return bool(page) and page[0].seq == seq and with_seq(page[0].event, seq) != seen[0].json

    def _start_over(self, position: Position) -> None:
        """The numbers mean something else now: what was missed cannot be known."""
        self._go_out(self.room, renewed(self.room, position))
        self.epoch, self.delivered, self.recent = position.epoch, position.last, Recent()
        self._early.clear()

    def _tell_gap(self, first: int, last: int) -> None:
        gap = Gap(room=self.room, reason="not kept any more", first=first, last=last, lost=last - first + 1)
        self._go_out(self.room, Publication(gap))
        self.delivered = last
        self.recent = Recent()

    def stop(self) -> None:
        """Look no longer."""
        if self._filling is not None:
            self._filling.cancel()
        self._has_looked()
