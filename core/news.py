"""The server's own news: what it tells a person about rooms, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..protocol import Rejected, System

if TYPE_CHECKING:
    from .connection import Connection
    from .connection_manager import ConnectionManager
    from .recorder import Recovery


def news(
    manager: ConnectionManager,
    event: str,
    message: str,
    room: str | None = None,
    user: str | None = None,
    reason: str | None = None,
) -> System:
    """A `system` event of now; one about a room says how many users are online there."""
    return System(
        event=event,
        message=message,
        timestamp=datetime.now(UTC),
        room=room,
        user=user,
        online=None if room is None else manager.online(room),
        reason=reason,
    )


def tell_joined(manager: ConnectionManager, connection: Connection, room: str, recovery: Recovery | None) -> None:
    """Send somebody who is in a room now `welcome`, unless they had it, `joined`, and what they missed."""
    if not connection.is_welcomed:
        welcome = news(manager, "welcome", connection.greeting, room, connection.user)
        welcome.protocol = connection.format.value
        welcome.expires = connection.identity.expires
        if connection.identity.is_guest:
            welcome.guest_key = manager.guests.key_for(connection.user)
        connection.welcome(welcome)
    joined = news(manager, "joined", f"{connection.user} joined the room", room, connection.user)
    if recovery is None:
        connection.send(joined)
        return
    joined.epoch, joined.seq, joined.recovered = recovery.epoch, recovery.seq, recovery.recovered
    connection.send(joined)
    connection.enqueue(recovery.events)


def leave_reason(code: int) -> str:
    """Why a connection with this close code is gone: ``left``, ``lost``, ``kicked`` or ``drained``."""
    if code in (1000, 1001, 1005):
        return "left"
    if code == 1012:
        return "drained"
    return "kicked" if code in (4001, 4003, 4008, 4009) else "lost"


def not_in_room(connection: Connection, room: str) -> Rejected:
    """The refusal of something that only members may do."""
    here = ", ".join(connection.rooms) or "none"
    return Rejected(
        "not_in_room",
        f"You are not in the room {room!r}; you are in: {here}. Join it first.",
        path="room",
        example={"type": "join", "room": room},
    )
