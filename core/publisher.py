"""From a publication to the members of its room: guards, recorder, broker, delivery, observers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from ..protocol import Duplicate, Encoded, Event, Gap, Private, Rejected, RoomEvent
from .broker import Broker
from .eager import DONE, InOrder, start_unanswered
from .once import Key, Once
from .pipeline import Pipeline
from .publication import Publication
from .recorder import Recorder, Recovery
from .roster import ONLINE

if TYPE_CHECKING:
    from .connection import Connection
    from .connection_manager import ConnectionManager

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds in which who enters one more room is to have taken what was sent for the others."""


class Publisher:
    """Publishes to rooms."""

    def __init__(
        self,
        manager: ConnectionManager,
        pipeline: Pipeline,
        broker: Broker,
        now: Callable[[], float],
        window: float,
    ) -> None:
        """``window`` is for how many seconds an ``id`` is published once."""
        self.broker = broker
        self.recorder: Recorder | None = None
        self.types: Mapping[str, type[Event]] = {}
        """The event types that clients may send, by tag."""
        self.once = Once(now, window)
        self._manager = manager
        self._pipeline = pipeline

    def publish(self, room: str, event: Event, exclude: str | None = None) -> Awaitable[None]:
        """Send ``event`` to every member of ``room`` but the connection with the id ``exclude``.

        Raise `Rejected` where a guard refuses it, where it cannot be encoded, or ``unavailable`` where the broker
        or the store is away, `Duplicate` where its ``id`` was published before; the awaitable raises it where that
        takes time.
        """
        chain = self._pipeline.chain_of(event)
        recorder = None
        if chain.is_in_room:
            in_room: RoomEvent = event  # pyright: ignore[reportAssignmentType] # the chain knows
            in_room.room = room
            if self.recorder is not None and self.recorder.records(room, in_room):
                recorder = self.recorder
            if in_room.id is not None and in_room.user is not None:
                return self._publish_once((in_room.user, room, in_room.id), in_room, exclude, recorder)
            if recorder is not None and not chain.is_watched:
                return recorder.publish(room, in_room, exclude) or DONE
        if chain.is_watched or recorder is not None:
            way = Way()
            return way.mark(start_unanswered(self._publish(room, event, exclude, recorder, way)))
        return self.broker.publish(room, Publication.of(event, exclude)) or DONE

    def _publish_once(
        self, key: Key, event: RoomEvent, exclude: str | None, recorder: Recorder | None
    ) -> Awaitable[None]:
        _, room, _ = key
        way = Way()
        once = self.once.run(key, event, lambda: self._publish(room, event, exclude, recorder, way))
        return way.mark(start_unanswered(once))

    async def _publish(
        self, room: str, event: Event, exclude: str | None, recorder: Recorder | None, way: Way
    ) -> None:
        await self._pipeline.check_publish(room, event)
        if recorder is not None and isinstance(event, RoomEvent):
            await self._check_recorded(recorder, room, event)
            waiting = recorder.publish(room, event, exclude)
        else:
            waiting = self.broker.publish(room, Publication.of(event, exclude))
        if waiting is not None:
            way.is_in_order = waiting.__class__ is InOrder
            await waiting
        await self._pipeline.event_published(room, event)

    async def catch_up(
        self, connection: Connection, room: str, epoch: str | None, since: int | None
    ) -> Recovery | None:
        """Where the room stands for ``connection``, which enters it, and what it has missed if it may know that.

        Who has not even taken what was sent before is given no more. None where the room is not recorded. Raise
        `Rejected` as `Recorder.catch_up` does.
        """
        if self.recorder is None:
            return None
        if since is not None:
            try:
                await self._pipeline.check("check_recover", connection, room)
                may_recover = await connection.keeps_up(PATIENCE)
            except Rejected:
                may_recover = False
            if not may_recover:
                recovery = await self.recorder.catch_up(room, None, None)
                return recovery and recovery._replace(recovered=False)
        return await self.recorder.catch_up(room, epoch, since)

    async def _check_recorded(self, recorder: Recorder, room: str, event: RoomEvent) -> None:
        """Raise `Duplicate` where an earlier run of this server has published the event."""
        if event.id is not None and event.user is not None and not self.once.is_new((event.user, room, event.id)):
            seq = await recorder.find(room, event.user, event.id)
            if seq is not None:
                raise Duplicate(room, seq)

    def send_private(self, event: Private) -> Awaitable[None]:
        """Deliver to every connection of the receiver, and echo, with the ``id``, to every one of the sender.

        Raise `Rejected` ``user_offline`` where the receiver is not here and nothing keeps it, `Duplicate` where
        the same ``id`` was sent to the same receiver before; the awaitable raises it where that takes time.
        """
        if event.id is None or event.user is None:
            return start_unanswered(self._send_private(event))
        key = (event.user, f"@{event.to}", event.id)
        return start_unanswered(self.once.run(key, event, lambda: self._send_private(event)))

    async def _send_private(self, event: Private) -> None:
        manager = self._manager
        if not manager.is_present(ONLINE, event.to):
            if self.recorder is None:
                raise user_offline(event.to)
            await self.recorder.keep(event)
        elif event.to != event.user:
            await manager.reach.send_to_user(event.to, msgspec.structs.replace(event, id=None))
        if event.user is not None:
            await manager.reach.send_to_user(event.user, event)

    def deliver(self, room: str, publication: Publication) -> None:
        """Send a publication to the members that this server has: called by the broker."""
        if publication.seq is not None and self.recorder is not None and self.broker.is_shared:
            self.recorder.arrived(room, publication)
        else:
            self.go_out(room, publication)

    def go_out(self, room: str, publication: Publication) -> None:
        """Send a publication to the members at once."""
        target = self._manager.rooms.get(room)
        if target is None:
            return
        if publication.id is None and publication.exclude is None:
            target.publish(publication)
            return
        instead: dict[Connection, Encoded | None] = {}
        if publication.id is not None and publication.user is not None:
            instead = dict.fromkeys(target.users.get(publication.user, ()), publication.with_id)
        excluded = self._manager.connections.get(publication.exclude or "")
        if excluded is not None and excluded in target:
            instead[excluded] = None
        target.publish(publication, instead)

    def hear(self, payload: bytes) -> None:
        """Take what another server tells: called by the broker."""
        self._manager.cluster.hear(payload)

    def broker_lost(self, reason: str) -> None:
        """Note that the broker is away, and so the other servers: called by the broker."""
        logger.error("the broker is away; publishing is refused until it is back: %s", reason)
        self._manager.troubles["broker"] = "the broker is away"
        self._manager.cluster.cut_off()

    def broker_found(self) -> None:
        """Note that the broker is back: called by the broker."""
        logger.warning("the broker is back")
        self._manager.troubles.pop("broker", None)
        self._manager.cluster.reconnected()
        for name, room in self._manager.rooms.items():
            if self.recorder is None or not self.recorder.records(name, RoomEvent(room=name)):
                room.publish(Encoded(Gap(room=name, reason="the servers could not reach each other")))
        if self.recorder is not None:
            self.recorder.broker_found()


class Way:
    """How far a publication has come at its first wait."""

    __slots__ = ("is_in_order",)

    def __init__(self) -> None:
        self.is_in_order = False
        """Whether it has its place among the others."""

    def mark(self, waiting: Awaitable[None]) -> Awaitable[None]:
        """Let later events of the connection go on, if that changes no order."""
        return InOrder(waiting) if self.is_in_order and isinstance(waiting, asyncio.Future) else waiting


def user_offline(user: str) -> Rejected:
    """The refusal of a private message that nobody would get."""
    return Rejected("user_offline", f"{user} is not online; nothing was sent.", path="to")
