"""How many connections, rooms and members there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol import Join, Rejected
from .client_address import subnet
from .config import ServerConfig
from .names import check_room_name

if TYPE_CHECKING:
    from .connection import Connection
    from .connection_manager import ConnectionManager


class Limits:
    """The limits of the config, held against what there is."""

    def __init__(self, server: ServerConfig) -> None:
        self._server = server

    def check_capacity(self, manager: ConnectionManager, user: str, address: str) -> None:
        """Raise `Rejected`, with the close code, where a limit keeps one more connection out."""
        limits = self._server
        if manager.is_draining:
            raise Rejected("unavailable", "The server is going down; come back soon.", close=1012)
        if len(manager.connections) >= limits.max_connections:
            raise Rejected("unavailable", "The server has as many connections as it may have.", close=1013)
        if manager.addresses[subnet(address)] >= limits.max_connections_per_address:
            raise Rejected("unavailable", "Too many connections from your address.", close=1013)
        here = len(manager.users.get(user, ()))
        if here + manager.reach.connections_elsewhere(user) >= limits.max_connections_per_user:
            raise Rejected("forbidden", "This user has as many connections as one may have.", close=4009)

    def check_joining(self, connection: Connection, name: str) -> None:
        """Raise `Rejected` where no room has this name, or ``connection`` is in as many as it may be."""
        check_room_name(name, Join.example)
        if len(connection.rooms) >= self._server.max_rooms_per_connection:
            raise Rejected(
                "forbidden",
                f"You are in {len(connection.rooms)} rooms, as many as one may be in: leave one first.",
            )

    def check_place(self, manager: ConnectionManager, connection: Connection, name: str) -> None:
        """Raise `Rejected` where there is no place in the room, or for one more room."""
        self.check_joining(connection, name)  # It may have entered others meanwhile.
        room = manager.rooms.get(name)
        if room is None:
            if len(manager.rooms) >= self._server.max_rooms:
                raise Rejected("unavailable", "The server has as many rooms as it may have: enter one of those.")
        elif len(room) >= (room.options.max_members or self._server.max_members_per_room):
            raise Rejected("room_full", f"The room {name!r} is full.")
