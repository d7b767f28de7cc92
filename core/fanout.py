"""Writes what a turn of the event loop has gathered, once at its end.

An idle server adds no delay by it, a busy one makes batches by itself. What one turn may write is bounded: a
broadcast to thousands goes out in slices, so that everything else keeps its share of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection
    from .room import Room

WRITES_PER_TURN = 1000
"""How many members are written to before everything else has its turn: a few milliseconds."""

SMALL_ROOM = 100
"""Members that are written to in one go, even where that is a little more than the turn allows."""


class Fanout:
    """The connections and rooms that have something to write."""

    def __init__(self, writes_per_turn: int = WRITES_PER_TURN) -> None:
        self._connections: list[Connection] = []
        self._rooms: deque[Room] = deque()
        self._unfinished: deque[Room] = deque()
        self._is_scheduled = False
        self._writes_per_turn = writes_per_turn
        self._small_room = min(SMALL_ROOM, writes_per_turn)

    def add_connection(self, connection: Connection) -> None:
        """Flush a connection's own buffer at the end of this turn."""
        self._connections.append(connection)
        if not self._is_scheduled:
            self._schedule()

    def add_room(self, room: Room) -> None:
        """Flush a room's batch at the end of this turn."""
        self._rooms.append(room)
        if not self._is_scheduled:
            self._schedule()

    def go_on_with_room(self, room: Room) -> None:
        """Flush more of a large room in the next turn, after what is new then."""
        self._unfinished.append(room)
        if not self._is_scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Connections go before rooms: what they hold is older than what their rooms have pending.

        Rooms that are new go before those that are half done, which have half of the turn for themselves.
        """
        self._is_scheduled = False
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.flush()
        kept = self._writes_per_turn // 2 if self._unfinished else 0
        left = self._flush_rooms(self._rooms, self._writes_per_turn - kept)
        self._flush_rooms(self._unfinished, left + kept)
        if (self._rooms or self._unfinished) and not self._is_scheduled:
            self._schedule()

    def _flush_rooms(self, rooms: deque[Room], budget: int) -> int:
        """Flush as many rooms as the budget allows; return what is left of it."""
        small_room = self._small_room
        for _ in range(len(rooms)):
            if budget <= 0:
                break
            budget -= rooms.popleft().flush(budget if budget > small_room else small_room) or 1
        return budget
