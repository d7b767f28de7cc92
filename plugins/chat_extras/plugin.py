"""Edits, deletions, reactions, typing and read markers, by event types of the plugin's own."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime

import msgspec

from ...core import DONE, Connection, Message, Plugin, Rejected, hookimpl
from .config import ChatExtrasConfig
from .emoji import is_emoji_or_word
from .events import Delete, Edit, Reaction, Read, Typing
from .messages import KeptMessage, Messages, room_of
from .moderators import CAME, check_author, is_moderator
from .read_markers import ReadMarkers
from .typists import Typists


class ChatExtras(Plugin[ChatExtrasConfig]):
    """What people do with messages, and while they write and read them."""

    events = (Edit, Delete, Reaction, Typing, Read)

    @hookimpl
    def startup(self) -> None:
        """Nothing has happened yet."""
        self._messages = Messages(self.manager)
        self._typists = Typists(self.manager, self.config_for)
        self._markers = ReadMarkers(self.manager, self.config_for)

    @hookimpl
    def shutdown(self) -> None:
        """Nobody is left to be told anything."""
        self._typists.stop()
        self._markers.stop()

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Note since when a guest has the name."""
        if connection.identity.is_guest:
            connection.state[CAME] = self.manager.timestamp(self.manager.now())

    # Messages that change

    @hookimpl
    async def check_event(self, connection: Connection, event: Edit) -> None:
        """Refuse an edit of what cannot be edited; the plugin that publishes messages publishes it."""
        message = await self._messages.find(event)
        if not self._is_moderator(connection, event):
            try:
                check_author(connection, message, "edit")
                self._check_age(event, message)
            except Rejected:
                await self._messages.refuse_repetition(event)
                raise

    def _check_age(self, event: Edit, message: KeptMessage) -> None:
        seconds = self.config_for(event.room).edit_seconds
        if seconds == 0:
            raise Rejected("forbidden", "Messages cannot be edited here.", path="type")
        said, now = message.timestamp, event.timestamp or datetime.now(UTC)
        if seconds is not None and (said is None or (now - said).total_seconds() > seconds):
            raise Rejected(
                "forbidden", f"A message can be edited for {seconds:g} seconds; this one is older.", path="of"
            )

    @hookimpl(specname="handle_event")
    async def delete(self, connection: Connection, event: Delete) -> None:
        """Publish that a message is gone."""
        message = await self._messages.find(event)
        if not self._is_moderator(connection, event):
            check_author(connection, message, "delete")
        await self.manager.publish(room_of(event), event)

    @hookimpl(specname="handle_event")
    async def react(self, connection: Connection, event: Reaction) -> None:
        """Publish a reaction, or that it is taken away; what changes nothing is not told."""
        self._check_reaction(event)
        message, user = await self._messages.find(event), connection.user
        if message.state.has(user, event.emoji) is not event.removed:
            await self._messages.refuse_repetition(event)
            return
        most = self.config_for(event.room).max_reactions
        if not event.removed and len(message.state.reactions.get(user, ())) >= most:
            raise Rejected(
                "too_many_reactions", f"You have {most} reactions to this message: take one away first."
            )
        message.state.react(user, event.emoji, removed=event.removed)  # Before the next one is counted.
        self._messages.states.keep(message.key, message.state)
        try:
            await self.manager.publish(room_of(event), event)
        except BaseException:
            self._messages.states.forget(message.key)  # The history knows whether it was stored.
            raise

    def _check_reaction(self, event: Reaction) -> None:
        allowed = self.config_for(event.room).reactions
        if allowed is not None and event.emoji not in allowed and not event.removed:
            raise Rejected(
                "invalid",
                "There is no such reaction here.",
                path="emoji",
                expected=" ".join(allowed) or "nothing: reactions are off",
            )
        if not is_emoji_or_word(event.emoji):
            raise Rejected(
                "invalid",
                "A reaction is an emoji or a word that can be seen, without spaces.",
                path="emoji",
                expected="an emoji, or a word of at most 32 characters",
                example=event.example,
            )

    def _is_moderator(self, connection: Connection, event: Edit | Delete) -> bool:
        return is_moderator(connection.identity, room_of(event), self.config_for(event.room).moderators)

    # Typing

    @hookimpl(specname="handle_event")
    def typing(self, connection: Connection, event: Typing) -> Awaitable[None]:
        """Tell the others."""
        return self._typists.note(connection, event)

    @hookimpl
    def event_handled(self, connection: Connection, event: Message) -> Awaitable[None]:
        """Who has said it types it no more."""
        return self._typists.stopped(room_of(event), connection.user)

    @hookimpl
    def left(self, connection: Connection, room: str) -> Awaitable[None]:
        """Nobody types in a room without being there."""
        there = self.manager.rooms.get(room)
        if there is not None and connection.user in there.users:
            return DONE
        return self._typists.stopped(room, connection.user)

    # Read markers

    @hookimpl(specname="handle_event")
    async def read(self, connection: Connection, event: Read) -> None:
        """Move the marker, and tell those whom the config names."""
        room, told = room_of(event), self.config_for(event.room).read_markers
        if told == "off":
            raise Rejected("forbidden", "Nobody is told here how far you have read.", path="type")
        standing = await self._messages.standing(room)
        if event.up_to > standing.seq:
            raise Rejected(
                "invalid",
                f"The room {room!r} has not come as far: its last event is {standing.seq}.",
                path="up_to",
                expected=f"a seq of at most {standing.seq}",
            )
        read = msgspec.structs.replace(event, id=None)
        if not self._markers.move(room, standing.epoch, connection.user, read):
            return
        if told == "self":
            self.manager.send_to_user(connection.user, read)
        else:
            self._markers.tell_room(room, connection.user, read)

    @hookimpl
    def joined(self, connection: Connection, room: str) -> Awaitable[None] | None:
        """Tell a newcomer what is known."""
        return self._tell_markers(connection, room) if room in self._markers else None

    async def _tell_markers(self, connection: Connection, room: str) -> None:
        try:
            epoch = (await self._messages.standing(room)).epoch
        except Rejected:  # The history is away, and has told so itself.
            return
        for read in self._markers.known_to(connection.user, room, epoch):
            connection.send(read)
