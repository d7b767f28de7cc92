"""Reaches users and connections wherever they are: on this server at once, on the others by telling them."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from ..protocol import Encoded, Event, Rejected, RoomEvent
from .cluster_messages import AnyMessage, Hangup, MakeWay, Reached, Remove, ToAll, ToConnection, ToUser
from .eager import start_unanswered
from .identity import Identity
from .roster import ONLINE

if TYPE_CHECKING:
    from .cluster import Cluster
    from .connection import Connection
    from .connection_manager import ConnectionManager

ANSWER_SECONDS = 2.0
"""For how long another server's answer is waited for."""

CONNECTIONS_AT_ONCE = 200
"""Connections that are told something before others get their turn."""


class Reach:
    """What can be done to users, for the plugins and the HTTP API, and what other servers want done here.

    Each returns how many connections it concerns, as far as that is known here. Each raises `Rejected`
    ``unavailable`` where a server that it concerns cannot be told.
    """

    def __init__(self, manager: ConnectionManager, cluster: Cluster) -> None:
        self._manager = manager
        self._cluster = cluster
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[int]] = {}

    async def send_to_user(self, user: str, event: Event) -> int:
        """Send ``event`` to every connection of ``user``. Raise `Rejected` ``invalid`` where it has no JSON."""
        encoded = Encoded(event)
        elsewhere = self.connections_elsewhere(user)
        await self._tell_nodes_of(user, ToUser(self._cluster.node, user, encoded.json))
        return self._send_here(user, encoded) + elsewhere

    async def send_to_connection(self, id_: str, event: Event) -> int:
        """Send ``event`` to one connection; return 0 where no server has it."""
        encoded = Encoded(event)
        connection = self._manager.connections.get(id_)
        if connection is not None:
            connection.send_encoded(encoded)
            return 1
        return await self._ask(ToConnection(self._cluster.node, next(self._numbers), id_, encoded.json))

    async def send_to_all(self, event: Event) -> int:
        """Send ``event`` to every connection there is."""
        encoded = Encoded(event)
        await self._cluster.tell(None, ToAll(self._cluster.node, encoded.json))
        connections = list(self._manager.connections.values())
        await _send_to_each(connections, encoded)
        return len(connections) + self._cluster.roster.connections(ONLINE)

    async def hang_up(self, user: str, code: int, reason: str) -> int:
        """Close every connection of ``user``."""
        elsewhere = self.connections_elsewhere(user)
        await self._tell_nodes_of(user, Hangup(self._cluster.node, user, code, reason))
        return self._hang_up_here(user, code, reason) + elsewhere

    async def hang_up_connection(self, id_: str, code: int, reason: str) -> int:
        """Close one connection; return 0 where no server has it."""
        connection = self._manager.connections.get(id_)
        if connection is not None:
            connection.close(code, reason)
            return 1
        number = next(self._numbers)
        return await self._ask(ToConnection(self._cluster.node, number, id_, code=code, reason=reason))

    async def remove(self, user: str, room: str) -> int:
        """Take ``user`` out of ``room`` with each of their connections, which stay open."""
        stays = dict(self._cluster.roster.users(room).get(user, {}))
        for node in stays:
            await self._cluster.tell(node, Remove(self._cluster.node, user, room))
        return await self._remove_here(user, room) + sum(stay.connections for stay in stays.values())

    def make_way(self, identity: Identity) -> None:
        """Close the guests, on all servers, who have by chance the name of a user that a plugin vouches for."""
        self._manager.guests.make_way(identity, self._manager.users)
        if not identity.is_guest:
            for node in self._cluster.nodes_of(identity.user):
                self._cluster.send(node, MakeWay(self._cluster.node, identity.user))

    def connections_elsewhere(self, user: str) -> int:
        """How many connections a user has on other servers."""
        return sum(stay.connections for stay in self._cluster.roster.users(ONLINE).get(user, {}).values())

    def carry_out(self, message: AnyMessage) -> None:
        """Do here what another server wants done."""
        if isinstance(message, ToUser):
            self._send_here(message.user, _received(message.event))
        elif isinstance(message, ToConnection):
            reached = Reached(self._cluster.node, message.request, self._reach_connection(message))
            self._cluster.send(message.node, reached)
        elif isinstance(message, ToAll):
            connections = list(self._manager.connections.values())
            start_unanswered(_send_to_each(connections, _received(message.event)))
        elif isinstance(message, Hangup):
            self._hang_up_here(message.user, message.code, message.reason)
        elif isinstance(message, Remove):
            start_unanswered(self._removed(message.user, message.room))
        elif isinstance(message, MakeWay):
            self._manager.guests.make_way(Identity(message.user), self._manager.users)
        elif isinstance(message, Reached):
            answer = self._answers.get(message.request)
            if answer is not None and not answer.done():
                answer.set_result(message.connections)

    async def _removed(self, user: str, room: str) -> None:
        await self._remove_here(user, room)

    async def _tell_nodes_of(self, user: str, message: AnyMessage) -> None:
        for node in tuple(self._cluster.nodes_of(user)):
            await self._cluster.tell(node, message)

    async def _ask(self, message: ToConnection) -> int:
        """Let the server do it that has the connection; return how many it was done to."""
        node = self._cluster.node_of_connection(message.connection)
        if node is None:
            return 0
        answer = self._answers[message.request] = asyncio.get_running_loop().create_future()
        try:
            await self._cluster.tell(node, message)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            text = f"The server {node}, which has this connection, does not answer; it may have been done."
            raise Rejected("unavailable", text) from None
        finally:
            del self._answers[message.request]

    def _reach_connection(self, message: ToConnection) -> int:
        connection = self._manager.connections.get(message.connection)
        if connection is None:
            return 0
        if message.code is not None:
            connection.close(message.code, message.reason)
        else:
            connection.send_encoded(_received(message.event))
        return 1

    def _send_here(self, user: str, encoded: Encoded) -> int:
        connections = list(self._manager.users.get(user, {}).values())
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


async def _send_to_each(connections: list[Connection], encoded: Encoded) -> None:
    for number, connection in enumerate(connections, start=1):
        connection.send_encoded(encoded)
        if number % CONNECTIONS_AT_ONCE == 0:
            await asyncio.sleep(0)


def _received(event: bytes) -> Encoded:
    """An event that another server has encoded."""
    return Encoded(RoomEvent(), event)
