"""The recorder of a server: its rooms, what somebody has missed, and what was published before."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import cast

from msgspec import json

from ...core import (
    DONE,
    ConnectionManager,
    InOrder,
    Private,
    Publication,
    Recorder,
    Recovery,
    Rejected,
    RoomEvent,
    start,
    with_seq,
)
from ...protocol import Json
from .entry import key_of
from .mailbox import Mailbox
from .missed import read_missed
from .room_recorder import RoomRecorder, renewed, unavailable
from .shared_room import SharedRoom, publish_shared
from .store import Retention, Store, StoreUnavailable
from .trouble import Trouble

MOST_ROOMS = 10_000
"""Rooms whose numbers are at hand; those unused for longest are looked up again."""

RECOVERIES_AT_ONCE = 10
"""How many may be read and written before everybody else has a turn."""

AWAY = "The history store is away."


class StoreRecorder(Recorder):
    """Records the rooms of one server in one store."""

    def __init__(
        self,
        manager: ConnectionManager,
        store: Store,
        retention_of: Callable[[str], Retention | None],
        mailbox: Mailbox,
        *,
        max_recovered: int,
    ) -> None:
        """``retention_of`` says how much of a room is kept; None: nothing. ``max_recovered`` is in events."""
        self.store = store
        self.trouble = Trouble(manager, store, self._resume)
        self._manager = manager
        self._retention_of = retention_of
        self._mailbox = mailbox
        self._max_recovered = max_recovered
        self._is_shared = manager.publisher.broker.is_shared
        self._rooms: OrderedDict[str, RoomRecorder | SharedRoom] = OrderedDict()
        self._opening: dict[str, asyncio.Task[RoomRecorder | SharedRoom]] = {}
        self._arrived_early: set[str] = set()
        self._entering: Counter[str] = Counter()
        """The rooms that somebody is about to enter: they are needed even while nobody is there."""
        self._unsure: dict[str, asyncio.Task[Recovery | None] | None] = {}
        """The rooms that somebody entered while the store could not tell where they stand."""
        self._recoveries = asyncio.Semaphore(RECOVERIES_AT_ONCE)

    def records(self, room: str, event: RoomEvent) -> bool:
        """Whether the room is recorded, and events of this type are."""
        return event.is_recorded and (room in self._rooms or self._retention_of(room) is not None)

    def publish(self, room: str, event: RoomEvent, exclude: str | None = None) -> Awaitable[None]:
        """Number, store and let go out; see `Recorder.publish`."""
        if self.trouble.is_on:
            raise unavailable(AWAY)
        if self._is_shared:
            waiting = start(self._publish_shared(room, event, Publication.of(event, exclude)))
            return DONE if waiting is None else InOrder(waiting)
        known = self._rooms.get(room)
        if not isinstance(known, RoomRecorder):
            return self._publish_first(room, event, exclude)
        return known.publish(event, exclude)

    async def _publish_shared(self, room: str, event: RoomEvent, publication: Publication) -> None:
        retention, broker = self._retention_of(room), self._manager.publisher.broker
        assert retention is not None
        try:
            known = self._rooms.get(room)
            if isinstance(known, SharedRoom):
                await known.looked()
            await publish_shared(self.store, broker, room, event, publication, retention)
        except StoreUnavailable as error:
            raise self._failed(error) from None

    async def _publish_first(self, room: str, event: RoomEvent, exclude: str | None) -> None:
        try:
            opened = await self.open(room)
        except StoreUnavailable as error:
            raise self._failed(error) from None
        assert isinstance(opened, RoomRecorder)
        await opened.publish(event, exclude)

    async def open(self, room: str) -> RoomRecorder | SharedRoom:
        """The recorder of one room. Raise `StoreUnavailable` where it is not known where the room stands."""
        known = self._rooms.get(room)
        if known is not None:
            self._rooms.move_to_end(room)
            return known
        if room not in self._opening:
            self._opening[room] = asyncio.ensure_future(self._open(room))
        return await asyncio.shield(self._opening[room])

    async def _open(self, room: str) -> RoomRecorder | SharedRoom:
        publisher, retention = self._manager.publisher, self._retention_of(room)
        broker = publisher.broker
        assert retention is not None
        try:
            if self._is_shared:  # What is published from now on arrives; what was before is in the store.
                broker.subscribe(room)
                await broker.subscribed(room)
            position = await self.store.open(room, now=time.time())
            if self._is_shared:
                opened = SharedRoom(room, position, self.store, broker, publisher.go_out, self._failed)
            else:
                opened = RoomRecorder(room, position, self.store, retention, broker.publish, self._failed)
            self._rooms[room] = opened
            if room in self._unsure:
                del self._unsure[room]
                publisher.go_out(room, renewed(room, position))
            if isinstance(opened, SharedRoom) and room in self._arrived_early:
                opened.look_again(0.0)  # It may have been stored after the store had told where the room stands.
            self._forget_some()
            return opened
        finally:
            del self._opening[room]
            self._arrived_early.discard(room)

    async def position(self, room: str) -> tuple[str, int]:
        """The epoch of a room and the last event that went out here. Raise `StoreUnavailable`."""
        if self._is_shared and room not in self._rooms:
            position = await self.store.open(room, now=time.time())
            return position.epoch, position.last
        opened = await self.open(room)
        return opened.epoch, opened.delivered

    def _forget_some(self) -> None:
        """Let go of the rooms that were unused for longest, if that loses nothing."""
        if len(self._rooms) > MOST_ROOMS:
            for room in list(islice(self._rooms, MOST_ROOMS // 10)):
                if room not in self._manager.rooms and self._rooms[room].is_idle:
                    del self._rooms[room]

    def _failed(self, error: StoreUnavailable) -> Rejected:
        self.trouble.report(error)
        return unavailable(AWAY)

    def _resume(self) -> None:
        """The store is back: settle what was in doubt, and let go out what it had taken after all."""
        for room in self._rooms.values():
            if isinstance(room, SharedRoom):
                room.look_again(0.0)
            elif room.is_doubtful:
                room.work()
        for name in self._unsure:
            self._unsure[name] = asyncio.ensure_future(self.catch_up(name, None, None))

    # Several servers

    def arrived(self, room: str, publication: Publication) -> None:
        """Take what another server, or this one, has published; see `Recorder.arrived`."""
        known = self._rooms.get(room)
        if isinstance(known, SharedRoom):
            known.arrived(publication)
        elif room in self._opening:
            self._arrived_early.add(room)

    def broker_found(self) -> None:
        """Look for what did not arrive; see `Recorder.broker_found`."""
        self._arrived_early.update(self._opening)
        self._resume()

    def forget(self, room: str) -> None:
        """Let go of a room that nobody is in on this server: what is published there no longer arrives."""
        known = self._rooms.get(room)
        if room in self._manager.rooms:
            return
        self._unsure.pop(room, None)
        if not isinstance(known, SharedRoom):
            return
        if room in self._entering:
            self._subscribe_again(known)
        else:
            known.stop()
            del self._rooms[room]
            self._manager.publisher.broker.unsubscribe(room)

    async def find(self, room: str, user: str, id_: str) -> int | None:
        """The ``seq`` under which this was stored before; see `Recorder.find`."""
        if self._is_shared:  # Storing it tells.
            return None
        key = key_of(user, id_)
        assert key is not None
        try:
            known = self._rooms.get(room)
            if isinstance(known, RoomRecorder):
                return await known.find(key)
            return await self.store.find_key(room, key, now=time.time())
        except StoreUnavailable as error:
            raise self._failed(error) from None

    async def event(self, room: str, seq: int) -> Mapping[str, Json] | None:
        """An event that is kept; see `Recorder.event`."""
        try:
            page = await self.store.read(room, seq - 1, 1) if self._retention_of(room) is not None else []
        except StoreUnavailable as error:
            raise self._failed(error) from None
        if not page or page[0].seq != seq:
            return None
        return cast("dict[str, Json]", json.decode(with_seq(page[0].event, seq)))

    # Recovery

    async def catch_up(self, room: str, epoch: str | None, since: int | None) -> Recovery | None:
        """Where the room stands, and what was missed; see `Recorder.catch_up`."""
        if self._retention_of(room) is None:
            return None
        if not self._is_shared:
            return await self._catch_up(room, epoch, since)
        known = self._rooms.get(room)
        self._entering[room] += 1
        try:
            return await self._catch_up(room, epoch, since)
        finally:  # Whoever it is enters now, without a wait, or was refused.
            self._entering[room] -= 1
            if not self._entering[room]:
                del self._entering[room]
            if room not in self._manager.rooms:
                if isinstance(known, SharedRoom):
                    self._subscribe_again(known)
                asyncio.get_running_loop().call_soon(self.forget, room)

    def _subscribe_again(self, known: SharedRoom) -> None:
        """The last one has left a room, and with them went the subscription; but the next one comes already."""
        self._manager.publisher.broker.subscribe(known.room)
        known.look_again(0.0)

    async def _catch_up(self, room: str, epoch: str | None, since: int | None) -> Recovery | None:
        try:
            opened = await self.open(room)
            if opened.is_doubtful:
                await opened.settle()
            if since is None:
                return Recovery(opened.epoch, opened.delivered)
            async with self._recoveries:
                space = self._manager.config.max_outgoing_buffer // 2
                missed = await read_missed(self.store, opened, epoch, since, self._max_recovered, space)
                return Recovery(opened.epoch, opened.delivered, missed is not None, missed or ())
        except StoreUnavailable as error:
            refusal = self._failed(error)
            if since is None:
                if self._is_shared:
                    self._unsure.setdefault(room)
                return None
            raise refusal from None

    # Private messages

    async def keep(self, event: Private) -> None:
        """Keep a private message until its receiver comes; see `Recorder.keep`."""
        try:
            await self._mailbox.keep(event)
        except StoreUnavailable as error:
            raise self._failed(error) from None
