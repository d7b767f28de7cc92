"""Who may enter which room, and do what there, by the rules of the config and the identity of each connection."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping

from ...core import Connection, Plugin, Private, Rejected, RoomEvent, StateKey, hookimpl
from .config import PermissionsConfig
from .rules import Rules, is_among, parse_who
from .subjects import Attempt

logger = logging.getLogger(__name__)

GRANTED = StateKey[dict[str, set[str]]]("permissions.granted")
"""The rights that a connection was found to have, by the rooms that it is in."""

_LOST = "Your credentials no longer let you be in the room {!r}."
_DEEDS = {"publish": "publish in", "presence": "see who is in", "history": "read the history of"}


class Permissions(Plugin[PermissionsConfig]):
    """Lets only those into a room, publish, look around and read back whom the config names."""

    def __init__(
        self, config: PermissionsConfig, overrides: Mapping[str, PermissionsConfig] | None = None
    ) -> None:
        super().__init__(config, overrides)
        for pattern in overrides or ():
            raise ValueError(
                f"rooms.options.{pattern}.plugins.permissions: rooms have their rules in one place only. "
                f"Write {pattern!r} under plugins.permissions.rooms"
            )
        self._rules = Rules(config.rooms)
        self._private = parse_who(config.private)
        self._has_told_of_gap = False

    @hookimpl
    def check_join(self, connection: Connection, room: str) -> None:
        """Refuse who may not enter, in the same words whether the room exists or not."""
        if not self._may(connection, "join", room):
            raise Rejected("forbidden", f"You may not enter the room {room!r}.", path="room")

    @hookimpl
    def check_recover(self, connection: Connection, room: str) -> None:
        """Keep what was said before from who may not read it."""
        if not self._may(connection, "history", room):
            raise _refusal("history", room)

    @hookimpl
    def check_event(self, connection: Connection, event: RoomEvent) -> None:
        """Refuse what takes a right that the connection lacks."""
        room = event.room
        granted = connection.state.get(GRANTED)
        if granted is not None and room in granted and event.right in granted[room]:
            return
        assert room is not None
        if not self._may(connection, event.right, room):
            raise _refusal(event.right, room)
        if room in connection.rooms:
            if granted is None:
                granted = connection.state[GRANTED] = {}
            granted.setdefault(room, set()).add(event.right)

    @hookimpl(specname="check_event")
    def private(self, connection: Connection, event: Private) -> None:
        """Refuse who may not speak to single users."""
        del event
        identity = connection.identity
        if identity.kind != "service" and not is_among(self._private, Attempt(identity, "private", "", "")):
            raise Rejected("forbidden", "You may not send private messages.")

    @hookimpl
    def left(self, connection: Connection, room: str) -> None:
        """Forget what was granted there."""
        granted = connection.state.get(GRANTED)
        if granted is not None:
            granted.pop(room, None)

    @hookimpl
    def refreshed(self, connection: Connection) -> Awaitable[None]:
        """Take away at once what the new credentials do not give."""
        connection.state.pop(GRANTED, None)
        try:
            lost = [room for room in connection.rooms if not self._may(connection, "join", room)]
            return _all([self.manager.leave(connection, room, "kicked", _LOST.format(room)) for room in lost])
        except Exception:  # Nobody stays anywhere because their rights cannot be told.
            connection.close(1011, "internal error")
            raise

    def _may(self, connection: Connection, right: str, room: str) -> bool:
        identity = connection.identity
        if identity.kind == "service":
            return True  # The HTTP API has checked what its key may.
        allowed = self._rules.allow(identity, right, room)
        if allowed is None and not self._has_told_of_gap:
            self._has_told_of_gap = True
            logger.warning(
                "the room %r matches no pattern under plugins.permissions.rooms in the config, so nobody may "
                "enter it; a last pattern '*' stands for all others. This is said once.",
                room,
            )
        return allowed is True


async def _all(leaving: list[Awaitable[None]]) -> None:
    for each in leaving:
        await each


def _refusal(right: str, room: str) -> Rejected:
    deed = _DEEDS.get(right, f"do what takes the right {right!r} in")
    return Rejected("forbidden", f"You may not {deed} the room {room!r}.", path="room")
