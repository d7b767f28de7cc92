"""How many connections, rooms and members there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import Join, Rejected
from .config import RoomsConfig, ServerConfig
from .names import check_room_name, matches_any

if TYPE_CHECKING:
    from .connection import Connection
    from .connection_manager import ConnectionManager


class Limits:
    """The limits of the config, held against what there is."""

    def __init__(self, server: ServerConfig, rooms: RoomsConfig) -> None:
        self._server = server
        self._rooms = rooms

    def check_capacity(self, manager: ConnectionManager, user: str, address: str) -> None:
        """Raise `Rejected`, with the close code, where a limit keeps one more connection out."""
        limits = self._server
        if manager.is_draining:
            raise Rejected("unavailable", "The server is going down; come back soon.", close=1012)
        if len(manager.connections) >= limits.max_connections:
            raise Rejected("unavailable", "The server has as many connections as it may have.", close=1013)
        if manager.addresses[address] >= limits.max_connections_per_address:
            raise Rejected("unavailable", "Too many connections from your address.", close=1013)
        if len(manager.users.get(user, ())) >= limits.max_connections_per_user:
            raise Rejected("forbidden", "This user has as many connections as one may have.", close=4009)

    def check_room(self, manager: ConnectionManager, connection: Connection, name: str) -> None:
        """Raise `Rejected` where ``connection`` may not enter the room, or where there is no place."""
        check_room_name(name, Join.example)
        room = manager.rooms.get(name)
        options = room.options if room is not None else self._rooms.match(name)[1]
        if options.allow is not None and not matches_any(connection.user, options.allow):
            raise Rejected("forbidden", f"You may not enter the room {name!r}.")
        if len(connection.rooms) >= self._server.max_rooms_per_connection:
            raise Rejected(
                "forbidden",
                f"You are in {len(connection.rooms)} rooms, as many as one may be in: leave one first.",
            )
        if room is not None and len(room) >= (options.max_members or self._server.max_members_per_room):
            raise Rejected("room_full", f"The room {name!r} is full.")
        if room is None and len(manager.rooms) >= self._server.max_rooms:
            raise Rejected("unavailable", "The server has as many rooms as it may have: enter one of those.")
