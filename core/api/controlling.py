"""What callers can end: connections, and memberships in rooms."""

from __future__ import annotations

import logging

from ..roster import ONLINE
from .caller import Caller
from .problems import ApiError
from .publishing import user_offline

logger = logging.getLogger(__name__)


async def disconnect_connection(caller: Caller, id_: str, reason: str, *, reconnect: bool) -> int:
    """Close one connection, on whichever server; return how many that were."""
    caller.require_everywhere("control")
    manager = caller.hub.manager
    connection = manager.connections.get(id_)
    whose = f" of {connection.user}" if connection is not None else ""
    if not await manager.reach.hang_up_connection(id_, _close_code(reconnect=reconnect), reason):
        raise ApiError(404, "not_found", "There is no connection with this id.")
    logger.info("API key %s disconnects connection %s%s", caller.key.name, id_, whose)
    return 1


async def disconnect_user(caller: Caller, user: str, reason: str, *, reconnect: bool) -> int:
    """Close every connection of a user, on all servers; return how many that were."""
    caller.require_everywhere("control")
    manager = caller.hub.manager
    if not manager.is_present(ONLINE, user):
        raise user_offline(user)
    logger.info("API key %s disconnects %s", caller.key.name, user)
    return await manager.reach.hang_up(user, _close_code(reconnect=reconnect), reason)


async def remove_member(caller: Caller, room: str, user: str) -> int:
    """Take a user out of a room, whose connections stay open; return how many connections were in it."""
    caller.require_in(room, "control")
    manager = caller.hub.manager
    if not manager.is_present(room, user):
        raise ApiError(404, "not_found", f"{user} is not in the room {room!r}.")
    logger.info("API key %s removes %s from the room %s", caller.key.name, user, room)
    return await manager.reach.remove(user, room)


def _close_code(*, reconnect: bool) -> int:
    return 1013 if reconnect else 4003
