"""Presence: who is in a room, who comes and who goes.

A user counts once, however many connections are open: the first one that enters a room is announced, and the last
one that leaves. Who was announced is remembered here, so that a leave follows every join and nothing else, also
where slower plugins delay what this one hears.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import NamedTuple

import msgspec
from pydantic import Field

from ..core import Connection, Event, Plugin, PluginConfig, RoomEvent, hookimpl


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


class Stay(NamedTuple):
    """A user's time in a room, from the first connection there to the last."""

    since: datetime
    was_announced: bool


class PresenceConfig(PluginConfig):
    """The options of `presence`."""

    announce: bool = Field(
        default=True, description="whether a room is told who comes and goes; the presence query works either way"
    )
    announce_up_to: int = Field(
        default=1000,
        ge=1,
        description="users in a room above which newcomers are no longer announced: a full house would be told of "
        "nothing else",
    )


class Presence(Plugin[PresenceConfig]):
    """Announces users to their rooms and answers who is there."""

    events = (PresenceQuery,)

    @hookimpl
    def startup(self) -> None:
        """Nobody is anywhere yet."""
        self._stays: dict[str, dict[str, Stay]] = {}

    @hookimpl
    def joined(self, connection: Connection, room: str) -> Awaitable[None] | None:
        """Tell the others, if the user was not there yet; the newcomer itself is told by the core."""
        there = self.manager.rooms.get(room)
        if there is None or connection not in there or connection.user in self._stays.get(room, ()):
            return None
        config = self.config_for(room)
        announces = config.announce and there.online <= config.announce_up_to
        since = there.users[connection.user][connection]
        self._stays.setdefault(room, {})[connection.user] = Stay(since, announces)
        if not announces:
            return None
        news = self.manager.news("joined", f"{connection.user} joined the room", room=room, user=connection.user)
        return self.manager.publish(room, news, exclude=connection)

    @hookimpl
    def left(self, connection: Connection, room: str, reason: str) -> Awaitable[None] | None:
        """Tell the others, if this was the user's last connection there."""
        there = self.manager.rooms.get(room)
        if there is not None and connection.user in there.users:
            return None
        stays = self._stays.get(room, {})
        stay = stays.pop(connection.user, None)
        if not stays:
            self._stays.pop(room, None)
        if there is None or stay is None or not stay.was_announced:
            return None
        if reason == "drained":  # Everyone is being told that the server goes down, and goes as well.
            return None
        message = f"{connection.user} left the room" + (" (connection lost)" if reason == "lost" else "")
        news = self.manager.news("left", message, room=room, user=connection.user, reason=reason)
        return self.manager.publish(room, news)

    @hookimpl
    def handle_event(self, event: PresenceQuery) -> PresenceReply:
        """Answer who is in the room."""
        assert event.room is not None
        here, stays = self.manager.rooms[event.room].users, self._stays.get(event.room, {})
        users = [Present(user, stays[user].since, len(here[user])) for user in stays if user in here]
        return PresenceReply(room=event.room, online=len(users), users=users)
