"""What the core itself answers: ping, join, leave and help. Written as a plugin, called before all others."""

from __future__ import annotations

from collections.abc import Awaitable

from ..protocol import Codec, Help, HelpReply, Join, Leave, Ping, Pong, TypeHelp, tag_of
from .connection import Connection
from .plugin import Plugin, PluginConfig, hookimpl


class CoreEvents(Plugin[PluginConfig]):
    """Handles the event types of `CORE_EVENTS`."""

    codec: Codec

    @hookimpl(specname="handle_event")
    def ping(self, event: Ping) -> Pong:
        """Answer with the same fields."""
        return Pong(id=event.id, timestamp=event.timestamp)

    @hookimpl(specname="handle_event")
    def join(self, connection: Connection, event: Join) -> Awaitable[None]:
        """Enter the room."""
        return self.manager.join(connection, event.room)

    @hookimpl(specname="handle_event")
    def leave(self, connection: Connection, event: Leave) -> Awaitable[None]:
        """Leave the room."""
        return self.manager.leave(connection, event.room)

    @hookimpl(specname="handle_event")
    def help(self, event: Help) -> HelpReply:
        """List every type with an example."""
        del event
        return HelpReply(
            types=[
                TypeHelp(type=tag_of(each), summary=each.summary, example=each.example or {"type": tag_of(each)})
                for each in self.codec.types.values()
            ]
        )
