"""What the core itself does: answer ping, join, leave, refresh and help, and end what has expired.

Written as a plugin, called before all others.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC

from ..protocol import Codec, Help, HelpReply, Join, Leave, Ping, Pong, Refresh, Rejected, System, TypeHelp, tag_of
from .connection import Connection
from .expiry import forget_expiry, watch_expiry
from .handshake import Handshake
from .pipeline import Pipeline
from .plugin import Plugin, PluginConfig, hookimpl


class CoreEvents(Plugin[PluginConfig]):
    """Handles the event types of `CORE_EVENTS`."""

    codec: Codec
    pipeline: Pipeline

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Let nobody stay longer than their credentials are good."""
        watch_expiry(connection)

    @hookimpl
    def refreshed(self, connection: Connection) -> None:
        """The new credentials count."""
        watch_expiry(connection)

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        """Nothing is left to end."""
        forget_expiry(connection)

    @hookimpl(specname="handle_event")
    def ping(self, event: Ping) -> Pong:
        """Answer with the same fields."""
        return Pong(id=event.id, timestamp=event.timestamp)

    @hookimpl(specname="handle_event")
    def join(self, connection: Connection, event: Join) -> Awaitable[None]:
        """Enter the room."""
        return self.manager.join(connection, event.room, epoch=event.epoch, since=event.since)

    @hookimpl(specname="handle_event")
    def leave(self, connection: Connection, event: Leave) -> Awaitable[None]:
        """Leave the room."""
        return self.manager.leave(connection, event.room)

    @hookimpl(specname="handle_event")
    async def refresh(self, connection: Connection, event: Refresh) -> System:
        """Take the new credentials, if they are the same user's, and say how long they are good."""
        handshake = Handshake(connection.room, {"token": event.token}, address=connection.address)
        identity = await self.pipeline.authenticate(handshake)
        if identity is None:
            raise Rejected("invalid", "This server does not know such credentials; nothing was refreshed.")
        if identity.user != connection.user:
            raise Rejected(
                "forbidden", f"The token is not {connection.user}'s; open a new connection for another user."
            )
        connection.identity = identity
        await self.pipeline.notify("refreshed", connection)
        expires = identity.expires
        until = "" if expires is None else f" until {expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        news = self.manager.news("refreshed", f"Your credentials are good{until}.", user=connection.user)
        news.expires = expires
        return news

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
