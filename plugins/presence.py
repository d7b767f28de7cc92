"""Presence: who is in a room, who comes and who goes.

A user counts once, however many connections are open: the first one that enters a room is announced, and the last
one that leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

import msgspec
from pydantic import Field

from ..core import Connection, Event, Plugin, PluginConfig, RoomEvent, hookimpl
from ..core.eager import DONE


class PresenceQuery(RoomEvent, tag="presence"):
    """Asks who is in a room."""

    summary = "Asks who is in a room, since when, and with how many connections."
    example = {"type": "presence"}


class Present(msgspec.Struct):
    """One user in a room."""

    user: str
    since: datetime
    connections: int


class PresenceReply(Event, tag="presence", kw_only=True):
    """Who is in a room, the longest there first."""

    room: str
    online: int
    users: list[Present]


class PresenceConfig(PluginConfig):
    """The options of `presence`."""

    announce: bool = Field(
        default=True, description="whether a room is told who comes and goes; the presence query works either way"
    )


class Presence(Plugin[PresenceConfig]):
    """Announces users to their rooms and answers who is there."""

    events = (PresenceQuery,)

    @hookimpl
    def joined(self, connection: Connection, room: str) -> Awaitable[None]:
        """Tell the others, if the user was not there yet; the newcomer itself is told by the core."""
        if len(self.manager.rooms[room].users[connection.user]) > 1 or not self.config_for(room).announce:
            return DONE
        news = self.manager.news("joined", f"{connection.user} joined the room", room=room, user=connection.user)
        return self.manager.publish(room, news, exclude=connection)

    @hookimpl
    def left(self, connection: Connection, room: str, reason: str) -> Awaitable[None]:
        """Tell the others, if this was the user's last connection there."""
        there = self.manager.rooms.get(room)
        if there is None or connection.user in there.users or not self.config_for(room).announce:
            return DONE
        if reason == "drained":  # Everyone is being told that the server goes down, and goes as well.
            return DONE
        message = f"{connection.user} left the room" + (" (connection lost)" if reason == "lost" else "")
        news = self.manager.news("left", message, room=room, user=connection.user, reason=reason)
        return self.manager.publish(room, news)

    @hookimpl
    def handle_event(self, event: PresenceQuery) -> PresenceReply:
        """Answer who is in the room."""
        assert event.room is not None
        room = self.manager.rooms[event.room]
        users = [
            Present(user, min(connections.values()), len(connections)) for user, connections in room.users.items()
        ]
        users.sort(key=lambda present: present.since)
        return PresenceReply(room=event.room, online=len(users), users=users)
