"""Raised hands: people in a room say that they want to speak."""

from collections.abc import Awaitable

from hubbub.core import Connection, Plugin, PluginConfig, Rejected, RoomEvent, StateKey, hookimpl
from pydantic import Field


class Hand(RoomEvent, tag="hand", kw_only=True):
    """A hand that goes up or down in a room."""

    summary = "Raises your hand in a room, or takes it down."
    example = {"type": "hand", "up": True}

    up: bool


class HandsConfig(PluginConfig):
    """The options of `hands`."""

    limit: int = Field(default=10, ge=1, description="hands that may be up in one room")


RAISED_IN = StateKey[frozenset[str]]("hands.raised_in")


class Hands(Plugin[HandsConfig]):
    """Shows raised hands to the room, and takes down those of people who go."""

    events = (Hand,)

    @hookimpl
    def check_event(self, event: Hand) -> None:
        """Refuse one hand too many."""
        assert event.room is not None
        limit = self.config_for(event.room).limit
        members = self.manager.rooms[event.room].members
        if event.up and sum(event.room in _raised_in(member) for member in members) >= limit:
            raise Rejected("too_many_hands", f"{limit} hands are up already; wait for one to go down.")

    @hookimpl
    def handle_event(self, connection: Connection, event: Hand) -> Awaitable[None]:
        """Remember the hand, and show it."""
        assert event.room is not None
        others = _raised_in(connection) - {event.room}
        connection.state[RAISED_IN] = others | {event.room} if event.up else others
        return self.manager.publish(event.room, event)

    @hookimpl
    def left(self, connection: Connection, room: str) -> Awaitable[None] | None:
        """Take the hand down."""
        if room not in _raised_in(connection):
            return None
        connection.state[RAISED_IN] = _raised_in(connection) - {room}
        return self.manager.publish(room, Hand(room=room, user=connection.user, up=False))


def _raised_in(connection: Connection) -> frozenset[str]:
    return connection.state.get(RAISED_IN, frozenset[str]())
