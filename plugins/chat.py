"""Chat: messages to a room, private messages to a user, and the welcome line."""

from __future__ import annotations

from collections.abc import Awaitable

from pydantic import Field, field_validator

from ..core import Connection, Message, Plugin, PluginConfig, Private, hookimpl

WELCOME = 'Welcome, {user}! Type {{"type":"message","content":"hello"}} to talk, {{"type":"help"}} for the rest.'


class ChatConfig(PluginConfig):
    """The options of `chat`."""

    welcome: str = Field(
        default=WELCOME,
        description="the sentence of the welcome; {user} and {room} are filled in, {{ and }} write braces",
    )

    @field_validator("welcome")
    @classmethod
    def _can_be_filled_in(cls, welcome: str) -> str:
        try:
            welcome.format(user="alice", room="lobby")
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError(
                f"a placeholder cannot be filled in ({error!r}): there are {{user}} and {{room}}, "
                "and a literal brace is written twice"
            ) from None
        return welcome


class Chat(Plugin[ChatConfig]):
    """Messages to rooms and to single users. Who speaks, and when, is what the server says."""

    events = (Message, Private)

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Say hello in the deployer's words."""
        welcome = self.config_for(connection.room).welcome
        connection.greeting = welcome.format(user=connection.user, room=connection.room)

    @hookimpl(specname="handle_event")
    def message(self, event: Message) -> Awaitable[None]:
        """Publish to the room, the sender included."""
        assert event.room is not None
        return self.manager.publish(event.room, event)

    @hookimpl(specname="handle_event")
    def private(self, event: Private) -> Awaitable[None]:
        """Deliver to every connection of the user, and echo, with the id, to every connection of the sender."""
        return self.manager.send_private(event)
