"""What callers can end: connections, and memberships in rooms."""

from __future__ import annotations

import logging

from ...protocol import Rejected
from .caller import Caller
from .problems import ApiError
from .publishing import user_offline

logger = logging.getLogger(__name__)


async def disconnect_connection(caller: Caller, id_: str, reason: str, *, reconnect: bool) -> int:
    """Close one connection; return how many that were."""
    caller.require_everywhere("control")
    connection = caller.hub.manager.connections.get(id_)
    if connection is None:
        raise ApiError(404, "not_found", "There is no connection with this id on this server.")
    logger.info("API key %s disconnects connection %s of %s", caller.key.name, connection.id, connection.user)
    connection.close(_close_code(reconnect=reconnect), reason)
    return 1


async def disconnect_user(caller: Caller, user: str, reason: str, *, reconnect: bool) -> int:
    """Close every connection of a user; return how many that were."""
    caller.require_everywhere("control")
    connections = list(caller.hub.manager.users.get(user, {}).values())
    if not connections:
        raise user_offline(user)
    logger.info("API key %s disconnects %s", caller.key.name, user)
    for connection in connections:
        connection.close(_close_code(reconnect=reconnect), reason)
    return len(connections)


async def remove_member(caller: Caller, room: str, user: str) -> int:
    """Take a user out of a room, whose connections stay open; return how many connections were in it."""
    caller.require_in(room, "control")
    manager = caller.hub.manager
    there = manager.rooms.get(room)
    members = list(there.users.get(user, ())) if there is not None else []
    if not members:
        raise ApiError(404, "not_found", f"{user} is not in the room {room!r}.")
    logger.info("API key %s removes %s from the room %s", caller.key.name, user, room)
    removed = 0
    for connection in members:
        try:
            await manager.leave(connection, room, "kicked")
        except Rejected:  # Gone while another was being removed.
            continue
        removed += 1
    return removed


def _close_code(*, reconnect: bool) -> int:
    return 1013 if reconnect else 4003
