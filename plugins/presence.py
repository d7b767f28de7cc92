"""Presence: who is in a room, who comes and who goes.

A user counts once, however many connections are open on however many servers: the first one that enters a room is
announced, and the last one that leaves. Each server tells it to its own members.

In a small room each is told at once. In a large one that would cost the square of its size, so there comings and
goings are gathered and told together.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import msgspec
from pydantic import Field

from ..core import Connection, Event, Plugin, PluginConfig, Room, RoomEvent, System, hookimpl


class PresenceQuery(RoomEvent, tag="presence"):
    """Asks who is in a room."""

    right = "presence"
    summary = "Asks who is in a room, since when, and with how many connections."
    example = {"type": "presence"}


class Present(msgspec.Struct, omit_defaults=True):
    """One user in a room."""

    user: str
    since: datetime
    connections: int
    unconfirmed: bool = False
    """Whether the server that the user is on was not heard of lately."""


class PresenceReply(Event, tag="presence", kw_only=True):
    """Who is in a room, the longest there first: so many as are listed, and how many there are besides."""

    room: str
    online: int
    users: list[Present]
    more: int = 0


class GatheredNews(System, tag="system", kw_only=True):
    """Several users who joined, or left, a room: so many names as are listed, and how many there are besides."""

    users: list[str]
    more: int = 0


class PresenceConfig(PluginConfig):
    """The options of `presence`."""

    announce: bool = Field(
        default=True, description="whether a room is told who comes and goes; the presence query works either way"
    )
    gather_above: int = Field(
        default=100,
        ge=1,
        description="users in a room above which those who come and go are told together, not each at once",
    )
    gather_seconds: float = Field(
        default=1.0, gt=0, description="seconds for which they are gathered: one notice of each kind in that time"
    )
    gather_names: int = Field(default=20, ge=1, description="names in such a notice; it counts the others")
    max_listed: int = Field(
        default=1000, ge=1, description="users that the answer to a presence query lists; it counts the others"
    )


@dataclass(slots=True)
class Gathering:
    """What happened in one large room and was not told yet: at most one thing of each user."""

    task: asyncio.Task[None]
    """Tells it when the time is over."""
    joined: dict[str, None] = field(default_factory=dict[str, None])
    """The newcomers, in order."""
    left: dict[str, str] = field(default_factory=dict[str, str])
    """Who is gone, in order, with the reason."""

    def add_joined(self, user: str) -> None:
        """Note who came; one who was gone only for a moment never left."""
        if self.left.pop(user, None) is None:
            self.joined[user] = None

    def add_left(self, user: str, reason: str) -> None:
        """Note who went; one who was here only for a moment never came."""
        if user in self.joined:
            del self.joined[user]
        else:
            self.left[user] = reason


class Presence(Plugin[PresenceConfig]):
    """Announces users to their rooms and answers who is there."""

    events = (PresenceQuery,)

    @hookimpl
    def startup(self) -> None:
        """Nobody is anywhere yet."""
        self._since: dict[str, dict[str, datetime]] = {}
        self._gatherings: dict[str, Gathering] = {}

    @hookimpl
    def shutdown(self) -> None:
        """Nobody is left to be told."""
        for room in list(self._gatherings):
            self._stop_gathering(room)

    @hookimpl
    def user_joined(self, room: str, user: str, connection: Connection | None) -> None:
        """Tell the others; the newcomer itself is told by the core."""
        there = self.manager.rooms.get(room)
        if there is None:
            return
        self._since.setdefault(room, {})[user] = self._first_came(room, user)
        if not self.config_for(room).announce:
            return
        gathering = self._gathering(there)
        if gathering is not None:
            gathering.add_joined(user)
            return
        news = self.manager.news("joined", f"{user} joined the room", room=room, user=user)
        self.manager.publish_here(room, news, exclude=connection)

    @hookimpl
    def user_left(self, room: str, user: str, reason: str) -> None:
        """Tell the others."""
        there = self.manager.rooms.get(room)
        self._since.get(room, {}).pop(user, None)
        if there is None or not self.config_for(room).announce:
            return
        if self.manager.is_draining:  # Everyone is being told that the server goes down, and goes as well.
            if room in self._gatherings:
                self._gatherings[room].joined.pop(user, None)
            return
        gathering = self._gathering(there)
        if gathering is not None:
            gathering.add_left(user, reason)
            return
        message = f"{user} left the room{remark_on(reason)}"
        self.manager.publish_here(room, self.manager.news("left", message, room=room, user=user, reason=reason))

    @hookimpl
    def left(self, room: str) -> None:
        """Forget a room that nobody is in any more on this server."""
        if room not in self.manager.rooms:
            self._since.pop(room, None)
            self._stop_gathering(room)

    @hookimpl
    def handle_event(self, event: PresenceQuery) -> PresenceReply:
        """Answer who is in the room, on all servers together."""
        assert event.room is not None
        room, cluster = self.manager.rooms.get(event.room), self.manager.cluster
        elsewhere = cluster.roster.users(event.room)
        users = [*(room.users if room is not None else ()), *elsewhere]
        if elsewhere:
            users = sorted(set(users), key=partial(self._since_of, event.room))
        listed = [
            self._present(event.room, user) for user in islice(users, self.config_for(event.room).max_listed)
        ]
        return PresenceReply(room=event.room, online=len(users), users=listed, more=len(users) - len(listed))

    def _present(self, room: str, user: str) -> Present:
        there, cluster = self.manager.rooms.get(room), self.manager.cluster
        here = len(there.users.get(user, ())) if there is not None else 0
        stays = cluster.roster.users(room).get(user, {})
        is_unconfirmed = not here and not any(map(cluster.is_confirmed, stays))
        connections = here + sum(stay.connections for stay in stays.values())
        return Present(user, self._since_of(room, user), connections, is_unconfirmed)

    def _since_of(self, room: str, user: str) -> datetime:
        return self._since.get(room, {}).get(user) or self._first_came(room, user)

    def _first_came(self, room: str, user: str) -> datetime:
        """When the first of the user's connections came that are in the room now."""
        there = self.manager.rooms.get(room)
        here = there.users.get(user, {}).values() if there is not None else ()
        stays = self.manager.cluster.roster.users(room).get(user, {}).values()
        return min(
            (*here, *(datetime.fromtimestamp(stay.since, UTC) for stay in stays)), default=datetime.now(UTC)
        )

    def _gathering(self, room: Room) -> Gathering | None:
        """Where to note what happens in a large room; None where it is to be told at once.

        What follows on something that waits must wait with it, or it would be told in the wrong order.
        """
        gathering = self._gatherings.get(room.name)
        if gathering is None and self.manager.online(room.name) > self.config_for(room.name).gather_above:
            task = asyncio.get_running_loop().create_task(self._tell_gathered(room.name))
            gathering = self._gatherings[room.name] = Gathering(task)
        return gathering

    def _stop_gathering(self, room: str) -> None:
        gathering = self._gatherings.pop(room, None)
        if gathering is not None:
            gathering.task.cancel()

    async def _tell_gathered(self, room: str) -> None:
        """Tell what was gathered in a while, and go on until a while brings nothing."""
        gathering, seconds = self._gatherings[room], self.config_for(room).gather_seconds
        while gathering.joined or gathering.left:
            await asyncio.sleep(seconds)
            joined, gathering.joined = gathering.joined, {}
            left, gathering.left = gathering.left, {}
            if not self.manager.is_draining:
                reasons = set(left.values())
                self._tell("left", room, list(left), reasons.pop() if len(reasons) == 1 else None)
                self._tell("joined", room, list(joined))
        if self._gatherings.get(room) is gathering:
            del self._gatherings[room]

    def _tell(self, event: str, room: str, users: list[str], reason: str | None = None) -> None:
        """Publish one notice about ``users``: about one alone it is the same as in a small room."""
        there = self.manager.rooms.get(room)
        if there is None or not users:
            return
        names = self.config_for(room).gather_names
        message = f"{names_in_words(users, names)} {event} the room{remark_on(reason)}"
        news, newcomer = self.manager.news(event, message, room=room, reason=reason), None
        if len(users) == 1:
            news.user = users[0]
            newcomer = next(iter(there.users.get(users[0], ())), None)
        else:
            news = GatheredNews(
                event=event,
                message=message,
                timestamp=news.timestamp,
                room=room,
                online=news.online,
                reason=reason,
                users=users[:names],
                more=max(0, len(users) - names),
            )
        self.manager.publish_here(room, news, exclude=newcomer)


def names_in_words(users: list[str], most: int) -> str:
    """Up to three names, or two and how many others there are; never more names than ``most``."""
    named = users[: min(most, 3 if len(users) <= 3 else 2)]
    others = len(users) - len(named)
    parts = [*named, f"{others} other{'s' if others > 1 else ''}"] if others else named
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def remark_on(reason: str | None) -> str:
    """What the sentence adds about why somebody left."""
    return " (connection lost)" if reason == "lost" else ""
