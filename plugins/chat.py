"""Chat: messages to a room, private messages to a user, and the welcome line."""

from __future__ import annotations

from collections.abc import Awaitable

from pydantic import Field

from ..core import Connection, Message, Plugin, PluginConfig, Private, Rejected, hookimpl

WELCOME = 'Welcome, {user}! Type {{"type":"message","content":"hello"}} to talk, {{"type":"help"}} for the rest.'


class ChatConfig(PluginConfig):
    """The options of `chat`."""

    welcome: str = Field(
        default=WELCOME,
        description="the sentence of the welcome; {user} and {room} are filled in, {{ and }} write braces",
    )


class Chat(Plugin[ChatConfig]):
    """Who sends, and when, is what the server says: nobody can speak as someone else."""

    events = (Message, Private)

    @hookimpl
    def startup(self) -> None:
        """Try the welcome line, so that a mistake in it stops the start."""
        try:
            self.config.welcome.format(user="alice", room="lobby")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"'welcome' has a placeholder that cannot be filled in ({error}); "
                "there are {user} and {room}, and a literal brace is written twice"
            ) from None

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
    def private(self, connection: Connection, event: Private) -> None:
        """Deliver to every connection of the user, and echo to every connection of the sender."""
        if event.to not in self.manager.users:
            raise Rejected("user_offline", f"{event.to} is not online; nothing was sent.", path="to")
        echo_only = event.to == connection.user
        id_, event.id = event.id, None
        if not echo_only:
            self.manager.send_to_user(event.to, event)
        event.id = id_
        self.manager.send_to_user(connection.user, event)
