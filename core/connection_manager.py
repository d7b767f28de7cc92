"""Who is connected, by id and by user; the rooms and their members; publishing."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import count

from ..protocol import Encoded, Event, Private, System
from .backlog import Backlog
from .broker import Broker
from .client_address import subnet
from .cluster import Cluster
from .config import RoomsConfig, ServerConfig
from .connection import Connection
from .eager import start_unanswered
from .fanout import Fanout
from .guests import Guests
from .limits import Limits
from .news import leave_reason, news, not_in_room, tell_joined
from .peer import connection_prefix, node_name
from .pipeline import Pipeline
from .publication import Publication
from .publisher import Publisher
from .reach import Reach
from .room import Room
from .roster import ONLINE
from .slow_consumers import SlowConsumerRules

logger = logging.getLogger(__name__)


class ConnectionManager:
    """The live state of one server, and the way to change it.

    What was connected and in rooms is changed at once; the hooks about it are called right after, and a call that
    returns an awaitable may be awaited for them.
    """

    def __init__(self, server: ServerConfig, rooms: RoomsConfig, pipeline: Pipeline, broker: Broker) -> None:
        self.config = server
        self.fanout = Fanout()
        self.connections: dict[str, Connection] = {}
        self.rooms: dict[str, Room] = {}
        self.is_draining = False
        self.now: Callable[[], float] = lambda: asyncio.get_running_loop().time()
        """Seconds of the event loop's clock, by which everything here measures time."""
        self.troubles: dict[str, str] = {}
        """Why the server cannot do all of its work now, by plugin. While there is any, it is not ready."""
        self.dropped: Counter[str] = Counter()
        """How many events slow consumers did not get, by policy."""
        self.addresses: Counter[str] = Counter()
        """How many connections each address has; one IPv6 network counts as one."""
        may_choose = not pipeline.implements("authenticate")
        self.guests = Guests(server, lambda user: self.is_present(ONLINE, user), may_choose=may_choose)
        self.limits = Limits(server)
        self._rules = SlowConsumerRules(rooms)
        self._id_numbers = count(1)
        self._timestamp_of, self._timestamp = -1.0, datetime.now(UTC)
        self._users: dict[str, dict[str, Connection]] = {}
        self._rooms_config = rooms
        self._pipeline = pipeline
        self._broker = broker
        self.cluster = Cluster(self, broker, server, node_name(server.node))
        self._id_prefix = connection_prefix(self.cluster.node)
        self.reach = Reach(self, self.cluster)
        self.publisher = Publisher(self, pipeline, broker, lambda: self.now(), server.id_window)
        self._endings: set[asyncio.Future[None]] = set()

    @property
    def users(self) -> Mapping[str, Mapping[str, Connection]]:
        """Each user online, with the connections by id."""
        return self._users

    def pattern_of(self, room: str) -> str | None:
        """The pattern in the config that holds for ``room``."""
        known = self.rooms.get(room)
        return known.pattern if known is not None else self._rooms_config.match(room)[0]

    def timestamp(self, now: float) -> datetime:
        """The date and time in UTC at ``now``; asked for once in each turn of the event loop."""
        if self._timestamp_of != now:
            self._timestamp_of, self._timestamp = now, datetime.now(UTC)
        return self._timestamp

    def new_backlog(self) -> Backlog:
        """Where the events for a slow consumer wait, in half of what may be buffered for it."""
        limit, rules = self.config.max_outgoing_buffer // 2, self._rules
        return Backlog(limit, rules.rule_for, self.dropped, conflates=rules.conflates)

    # Connections

    def new_connection_id(self) -> str:
        """A name that no other connection has, on any server."""
        return f"{self._id_prefix}{next(self._id_numbers):x}"

    def add(self, connection: Connection) -> None:
        """Count ``connection`` among those that are online."""
        self.connections[connection.id] = connection
        self._users.setdefault(connection.user, {})[connection.id] = connection
        self.cluster.changed(ONLINE, connection.user)
        self.addresses[subnet(connection.address)] += 1

    def ended(self, connection: Connection, code: int) -> None:
        """Forget everything that ``connection`` held, then tell the plugins. Idempotent."""
        if self.connections.pop(connection.id, None) is None:
            return
        _remove(self._users, connection.user, connection.id)
        reason = leave_reason(code)
        self.cluster.changed(ONLINE, connection.user, reason)
        address = subnet(connection.address)
        self.addresses[address] -= 1
        if not self.addresses[address]:
            del self.addresses[address]
        rooms, connection.rooms = connection.rooms, {}
        for room in rooms.values():
            self._remove_member(room, connection, reason)
        waiting = start_unanswered(self._tell_ended(connection, list(rooms), code, reason))
        if isinstance(waiting, asyncio.Future):
            self._endings.add(waiting)
            waiting.add_done_callback(self._endings.discard)

    async def _tell_ended(self, connection: Connection, rooms: list[str], code: int, reason: str) -> None:
        if connection.session.task is not None:  # What is being told about it now comes first.
            await asyncio.wait((connection.session.task,))
        for room in rooms:
            await self._pipeline.notify("left", connection, room, reason)
        await self._pipeline.notify("disconnected", connection, code, reason)
        connection.state.clear()

    # Rooms

    def join(
        self, connection: Connection, room: str, *, epoch: str | None = None, since: int | None = None
    ) -> Awaitable[None]:
        """Make ``connection`` a member of ``room``, if the guards agree, and tell it so.

        With ``since`` it gets what it has missed after that ``seq``, where that is known and whole.
        Raise `Rejected` ``invalid``, ``forbidden``, ``room_full``, ``unavailable`` or what a guard says.
        """
        return start_unanswered(self._join(connection, room, epoch, since))

    async def _join(self, connection: Connection, name: str, epoch: str | None, since: int | None) -> None:
        if name not in connection.rooms:
            self.limits.check_joining(connection, name)
            await self._pipeline.check("check_join", connection, name)
            recovery = await self.publisher.catch_up(connection, name, epoch, since)
            self.limits.check_place(self, connection, name)  # Who may not enter learns nothing about the room.
            if connection.id not in self.connections or name in connection.rooms:  # Gone, or in by another call.
                return
            was_there = self.is_present(name, connection.user)
            self._add_member(name, connection)
            tell_joined(self, connection, name, recovery)
            self.cluster.changed(name, connection.user)
            if not was_there:
                self.presence_changed(name, connection.user, None, connection)
            await self._pipeline.notify("joined", connection, name)
        else:
            tell_joined(self, connection, name, None)

    def _add_member(self, name: str, connection: Connection) -> None:
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name, *self._rooms_config.match(name), self.fanout)
            self._broker.subscribe(name)
        if connection.user not in room.users:
            self.cluster.count_overlap(name, connection.user, 1)
        room.add(connection)
        connection.rooms[name] = room

    def _remove_member(self, room: Room, connection: Connection, reason: str) -> None:
        room.remove(connection)
        if connection.user not in room.users:
            self.cluster.count_overlap(room.name, connection.user, -1)
        if not len(room):
            del self.rooms[room.name]
            self._broker.unsubscribe(room.name)
        self.cluster.changed(room.name, connection.user, reason)
        if not self.is_present(room.name, connection.user):
            self.presence_changed(room.name, connection.user, reason)

    def is_present(self, room: str, user: str) -> bool:
        """Whether a user is in a room, on this server or another; in the room `ONLINE`, online at all."""
        if room == ONLINE:
            return user in self._users or self.cluster.is_elsewhere(room, user)
        here = self.rooms.get(room)
        return (here is not None and user in here.users) or self.cluster.is_elsewhere(room, user)

    def online(self, room: str) -> int:
        """How many users are in a room, on all servers together."""
        return self.cluster.online(room)

    def presence_changed(
        self, room: str, user: str, reason: str | None, connection: Connection | None = None
    ) -> None:
        """Tell the plugins that a user came to a room, or with a ``reason`` that they went."""
        if reason is None:
            waiting = start_unanswered(self._pipeline.notify("user_joined", room, user, connection))
        else:
            waiting = start_unanswered(self._pipeline.notify("user_left", room, user, reason))
        if isinstance(waiting, asyncio.Future):
            self.hold_drain(waiting)

    def leave(
        self, connection: Connection, room: str, reason: str = "left", message: str | None = None
    ) -> Awaitable[None]:
        """End a membership and tell it to ``connection``. Raise `Rejected` ``not_in_room`` where there is none.

        ``reason`` is ``left``, or ``kicked`` where it was not the client's wish; ``message`` then says why.
        """
        return start_unanswered(self._leave(connection, room, reason, message))

    async def _leave(self, connection: Connection, name: str, reason: str, message: str | None) -> None:
        room = connection.rooms.get(name)
        if room is None:
            raise not_in_room(connection, name)
        del connection.rooms[name]
        self._remove_member(room, connection, reason)
        message = message or f"{connection.user} left the room"
        connection.send(self.news("left", message, room=name, user=connection.user, reason=reason))
        await self._pipeline.notify("left", connection, name, reason)

    def news(
        self,
        event: str,
        message: str,
        *,
        room: str | None = None,
        user: str | None = None,
        reason: str | None = None,
    ) -> System:
        """A `system` event of now; one about a room says how many users are online there."""
        return news(self, event, message, room, user, reason)

    # Publishing

    def publish(self, room: str, event: Event, *, exclude: Connection | None = None) -> Awaitable[None]:
        """Send ``event`` to every member of ``room`` except ``exclude``: see `Publisher.publish`."""
        return self.publisher.publish(room, event, exclude.id if exclude is not None else None)

    def publish_here(self, room: str, event: Event, *, exclude: Connection | None = None) -> None:
        """Send ``event`` to the members on this server alone: for what every server tells its own.

        Raise `Rejected` ``invalid`` where it cannot be encoded.
        """
        self.publisher.deliver(room, Publication.of(event, exclude.id if exclude is not None else None))

    def send_private(self, event: Private) -> Awaitable[None]:
        """Send a private message from one user to another: see `Publisher.send_private`."""
        return self.publisher.send_private(event)

    def send_to_user(self, user: str, event: Event) -> int:
        """Send to every connection of ``user`` on this server, encoded once; return how many there are.

        Raise `Rejected` ``invalid`` where the event cannot be encoded.
        """
        connections = self._users.get(user, {})
        encoded = Encoded(event)
        for connection in connections.values():
            connection.send_encoded(encoded)
        return len(connections)

    # The end

    def hold_drain(self, ending: asyncio.Future[None]) -> None:
        """Let `drain` wait for ``ending`` too, such as the last words to a client."""
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def drain(self, seconds: float) -> None:
        """Let nobody in, tell everyone, close every connection with 1012, and wait for hooks about it.

        Returns within about ``seconds``.
        """
        self.is_draining = True
        message = "The server is going down for a moment; come back soon."
        for connection in list(self.connections.values()):
            event = self.news("draining", message)
            event.retry_after = 1.0
            connection.send(event)
        await asyncio.sleep(0)
        for number, connection in enumerate(list(self.connections.values())):
            connection.close(1012, "draining")
            if number % 100 == 99:
                await asyncio.sleep(0)
        if self._endings:
            await asyncio.wait(list(self._endings), timeout=seconds)


def _remove(index: dict[str, dict[str, Connection]], key: str, id_: str) -> None:
    entries = index[key]
    del entries[id_]
    if not entries:
        del index[key]
