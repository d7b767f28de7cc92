"""Who is on this server, as the others are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .cluster_messages import Entry
from .roster import ONLINE

if TYPE_CHECKING:
    from .connection_manager import ConnectionManager


def entry(manager: ConnectionManager, room: str, user: str, reason: str = "") -> Entry:
    """How many connections a user has in a room, and since when; ``reason`` is why there are none."""
    if room == ONLINE:
        opened = [each.opened_at for each in manager.users.get(user, {}).values()]
    else:
        there = manager.rooms.get(room)
        opened = list(there.users.get(user, {}).values()) if there is not None else []
    since = min(opened).timestamp() if opened else 0.0
    return (room, user, len(opened), since, reason)


def everybody(manager: ConnectionManager) -> Iterator[Entry]:
    """All who are online, and all who are in rooms."""
    for user in manager.users:
        yield entry(manager, ONLINE, user)
    for name, room in manager.rooms.items():
        for user in room.users:
            yield entry(manager, name, user)
