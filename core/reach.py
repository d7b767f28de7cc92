"""Reaches users and connections wherever they are: on this server at once, on the others by telling them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import Encoded, Event, Rejected, RoomEvent
from .cluster_messages import AnyMessage, Hangup, Remove, ToAll, ToUser
from .eager import start_unanswered
from .roster import ONLINE

if TYPE_CHECKING:
    from .cluster import Cluster
    from .connection_manager import ConnectionManager


class Reach:
    """What can be done to users, for the plugins and the HTTP API, and what other servers want done here.

    Each returns how many connections it concerns, as far as that is known here. Each raises `Rejected`
    ``unavailable`` where a server that it concerns cannot be told.
    """

    def __init__(self, manager: ConnectionManager, cluster: Cluster) -> None:
        self._manager = manager
        self._cluster = cluster

    async def send_to_user(self, user: str, event: Event) -> int:
        """Send ``event`` to every connection of ``user``. Raise `Rejected` ``invalid`` where it has no JSON."""
        encoded = Encoded(event)
        await self._tell_nodes_of(user, ToUser(self._cluster.node, user, encoded.json))
        return self._send_here(user, encoded) + self._connections_elsewhere(user)

    async def send_to_all(self, event: Event) -> int:
        """Send ``event`` to every connection there is."""
        encoded = Encoded(event)
        await self._cluster.tell(None, ToAll(self._cluster.node, encoded.json))
        elsewhere = self._cluster.roster.users(ONLINE)
        return self._send_to_all_here(encoded) + sum(map(self._connections_elsewhere, elsewhere))

    async def hang_up(self, user: str, code: int, reason: str) -> int:
        """Close every connection of ``user``."""
        await self._tell_nodes_of(user, Hangup(self._cluster.node, code, reason, user=user))
        return self._hang_up_here(user, code, reason) + self._connections_elsewhere(user)

    async def hang_up_connection(self, id_: str, code: int, reason: str) -> int:
        """Close one connection; where it is not here the others are told, and 0 is returned."""
        connection = self._manager.connections.get(id_)
        if connection is not None:
            connection.close(code, reason)
            return 1
        await self._cluster.tell(None, Hangup(self._cluster.node, code, reason, connection=id_))
        return 0

    async def remove(self, user: str, room: str) -> int:
        """Take ``user`` out of ``room`` with each of their connections, which stay open."""
        stays = self._cluster.roster.users(room).get(user, {})
        for node in stays:
            await self._cluster.tell(node, Remove(self._cluster.node, user, room))
        return await self._remove_here(user, room) + sum(stay.connections for stay in stays.values())

    def carry_out(self, message: AnyMessage) -> None:
        """Do here what another server wants done."""
        if isinstance(message, ToUser):
            self._send_here(message.user, Encoded(RoomEvent(), message.event))
        elif isinstance(message, ToAll):
            self._send_to_all_here(Encoded(RoomEvent(), message.event))
        elif isinstance(message, Hangup):
            if message.user is not None:
                self._hang_up_here(message.user, message.code, message.reason)
            elif message.connection in self._manager.connections:
                self._manager.connections[message.connection].close(message.code, message.reason)
        elif isinstance(message, Remove):
            start_unanswered(self._removed(message.user, message.room))

    async def _removed(self, user: str, room: str) -> None:
        await self._remove_here(user, room)

    async def _tell_nodes_of(self, user: str, message: AnyMessage) -> None:
        for node in tuple(self._cluster.nodes_of(user)):
            await self._cluster.tell(node, message)

    def _connections_elsewhere(self, user: str) -> int:
        return sum(stay.connections for stay in self._cluster.roster.users(ONLINE).get(user, {}).values())

    def _send_here(self, user: str, encoded: Encoded) -> int:
        connections = list(self._manager.users.get(user, {}).values())
        for connection in connections:
            connection.send_encoded(encoded)
        return len(connections)

    def _send_to_all_here(self, encoded: Encoded) -> int:
        connections = list(self._manager.connections.values())
        for connection in connections:
            connection.send_encoded(encoded)
        return len(connections)

    def _hang_up_here(self, user: str, code: int, reason: str) -> int:
        connections = list(self._manager.users.get(user, {}).values())
        for connection in connections:
            connection.close(code, reason)
        return len(connections)

    async def _remove_here(self, user: str, room: str) -> int:
        there = self._manager.rooms.get(room)
        removed = 0
        for connection in list(there.users.get(user, ())) if there is not None else []:
            try:
                await self._manager.leave(connection, room, "kicked")
            except Rejected:  # Gone while another was being removed.
                continue
            removed += 1
        return removed
