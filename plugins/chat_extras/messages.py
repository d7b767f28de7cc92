"""Finds the message that an edit, a deletion or a reaction is about, in the history.

The history alone holds the truth: each of these is an event of it, and whoever applies them in order arrives at
the same. What is remembered besides spares looking it up again.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NamedTuple

from ...core import ConnectionManager, Message, Recorder, Recovery, Rejected, RoomEvent
from ...protocol import Duplicate
from .events import Delete, Edit, Reaction
from .states import Key, MessageState, MessageStates

logger = logging.getLogger(__name__)

_SOME_MESSAGE = Message(content="")


class KeptMessage(NamedTuple):
    """A message of the history, and what has become of it."""

    seq: int
    user: str | None
    timestamp: datetime | None
    key: Key
    state: MessageState


class Messages:
    """The messages in the history of one server's rooms."""

    def __init__(self, manager: ConnectionManager) -> None:
        self._manager = manager
        self._has_told = False
        self.states = MessageStates()

    async def find(self, event: Edit | Delete | Reaction) -> KeptMessage:
        """The message that ``event`` is about.

        Raise `Rejected` ``not_found`` where it is not kept, or not any more, ``invalid`` where it is no message,
        ``forbidden`` where nothing is kept of the room, and `Duplicate` where it is refused for that reason alone
        that the event was carried out before.
        """
        try:
            return await self._find(event)
        except Rejected:
            await self.refuse_repetition(event)
            raise

    async def _find(self, event: Edit | Delete | Reaction) -> KeptMessage:
        room, of = room_of(event), event.of
        recorder = self._recorder(room)
        kept = await recorder.event(room, of)
        if kept is None:
            raise _not_found(f"There is no message {of} in the history of the room {room!r}, or not any more.")
        if kept["type"] != "message":
            meant = f" It is about the message {kept['of']}." if isinstance(kept.get("of"), int) else ""
            text = f"The event {of} is no message but of the type {kept['type']!r}.{meant}"
            raise Rejected("invalid", text, path="of")
        standing = await self.standing(room)
        key = (room, standing.epoch, of)
        state = await self._state(recorder, key, standing.seq)
        if state.is_deleted:
            raise _not_found(f"The message {of} was deleted.")
        return KeptMessage(of, _text(kept.get("user")), _time(kept.get("timestamp")), key, state)

    async def _state(self, recorder: Recorder, key: Key, last: int) -> MessageState:
        """What has become of a message up to the event ``last``, or as much of it as can be told at once."""
        room, epoch, of = key
        state = self.states.get(key) or MessageState(of)
        if state.up_to < last:
            since = state.up_to
            later = await recorder.catch_up(room, epoch, since)
            state = self.states.get(key) or state
            state.follow(later.events if later else (), since)
            state.up_to = max(state.up_to, last)
        self.states.keep(key, state)
        return state

    async def standing(self, room: str) -> Recovery:
        """The epoch and the last ``seq`` of a room. Raise `Rejected` where nothing is kept of it, or not known."""
        standing = await self._recorder(room).catch_up(room, None, None)
        if standing is None:
            raise Rejected("unavailable", "The history is away; try again later.", retry_after=1.0)
        return standing

    async def refuse_repetition(self, event: RoomEvent) -> None:
        """Raise `Duplicate` where an event of the same ``id`` was published before."""
        recorder, room = self._manager.publisher.recorder, room_of(event)
        if recorder is None or event.id is None or event.user is None or not recorder.records(room, event):
            return
        seq = await recorder.find(room, event.user, event.id)
        if seq is not None:
            raise Duplicate(room, seq)

    def _recorder(self, room: str) -> Recorder:
        recorder = self._manager.publisher.recorder
        if recorder is None and not self._has_told:
            self._has_told = True
            logger.warning(
                "edits, deletions, reactions and read markers are refused, as there is no history: add a line "
                "'history:' under 'plugins:' in the config. This is said once."
            )
        if recorder is None or not recorder.records(room, _SOME_MESSAGE):
            raise Rejected(
                "forbidden",
                f"This needs the plugin 'history', and nothing is kept of the room {room!r}.",
                path="room",
            )
        return recorder


def room_of(event: RoomEvent) -> str:
    """The room of an event that the session has stamped."""
    assert event.room is not None
    return event.room


def _not_found(message: str) -> Rejected:
    return Rejected("not_found", message, path="of")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
