"""Who is in which room on the other servers of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

ONLINE = ""
"""Stands for a room that everybody is in who is online."""

Place = tuple[str, str]
"""A room and a user."""


class Stay(NamedTuple):
    """A user's connections in a room on one server."""

    connections: int
    since: float
    """When the first of them came, in seconds since 1970."""


class Roster:
    """What each of the other servers has said of itself."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, dict[str, Stay]]] = {}
        self._nodes: dict[str, dict[Place, Stay]] = {}
        self._connections: Counter[str] = Counter()

    def users(self, room: str) -> Mapping[str, Mapping[str, Stay]]:
        """Each user in a room, with the servers on which they are."""
        return self._rooms.get(room, {})

    def connections(self, room: str) -> int:
        """How many connections are in a room."""
        return self._connections[room]

    def rooms(self) -> Iterator[str]:
        """The rooms in which somebody is."""
        return (room for room in self._rooms if room != ONLINE)

    def places(self, node: str) -> Mapping[Place, Stay]:
        """Everybody on one server."""
        return self._nodes.get(node, {})

    def put(self, node: str, room: str, user: str, stay: Stay | None) -> None:
        """Note a user's connections in a room on a server; None or no connections: they are gone."""
        if stay is None or not stay.connections:
            self._remove(node, room, user)
            return
        known = self._nodes.get(node, {}).get((room, user))
        self._connections[room] += stay.connections - (known.connections if known is not None else 0)
        self._rooms.setdefault(room, {}).setdefault(user, {})[node] = stay
        self._nodes.setdefault(node, {})[room, user] = stay

    def _remove(self, node: str, room: str, user: str) -> None:
        stay = self._nodes.get(node, {}).pop((room, user), None)
        if stay is None:
            return
        self._connections[room] -= stay.connections
        if not self._nodes[node]:
            del self._nodes[node]
        users = self._rooms[room]
        del users[user][node]
        if not users[user]:
            del users[user]
        if not users:
            del self._rooms[room], self._connections[room]
