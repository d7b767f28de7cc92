"""Every hook that a plugin can implement. The tense of its name is its contract.

*Guards* (``authenticate``, ``check_…``) may raise `Rejected`; any other exception refuses with ``internal``,
unless the plugin's config says ``on_error: allow``. *Work* (imperative) changes or answers something; an
exception there is an error to the sender, and the connection lives. *Notifications* (past tense) only observe;
an exception is logged, and the next plugin is still called.

Any hook may be ``def`` or ``async def``, and names only the arguments that it needs. Where a hook has an
``event``, its annotation is the filter: ``event: Message | Private`` is called for these two types alone.
Plugins are called in the order of config.yaml; ``disconnected`` and ``shutdown`` in reverse.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

import pluggy

from ..protocol import Event
from .plugin import PROJECT

if TYPE_CHECKING:
    from .connection import Connection
    from .handshake import Handshake
    from .identity import Identity

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def startup() -> Awaitable[None] | None:
    """Prepare: open files, connect to services, start timers.

    Work. Called once, before the first connection. An exception stops the start, with the plugin's name.
    """


@hookspec
def shutdown() -> Awaitable[None] | None:
    """Give back what `startup` took.

    Work. Called once, after the last connection has ended. An exception is logged.
    """


@hookspec
def authenticate(handshake: Handshake) -> Awaitable[Identity | str | None] | Identity | str | None:
    """Say who is connecting: an `Identity`, a bare user name, or None to leave it to the next plugin.

    Guard. Called for each connection before it has an identity, and for each ``refresh``, with the new
    ``handshake.token`` and no headers. `Rejected` closes the connection, with 4001 where its code is
    ``unauthorized`` or ``expired``, or refuses the refresh. Where no plugin answers, a guest comes in.
    """


@hookspec
def check_connect(connection: Connection) -> Awaitable[None] | None:
    """Refuse a connection that has an identity but is in no room yet.

    Guard. `Rejected` closes the connection with its `close_code`.
    """


@hookspec
def connected(connection: Connection) -> Awaitable[None] | None:
    """Notice a new connection. What it is sent here arrives after its ``welcome``.

    Notification. ``connection.greeting``, the sentence of the ``welcome``, may be replaced here.
    """


@hookspec
def refreshed(connection: Connection) -> Awaitable[None] | None:
    """Notice that a connection has new credentials: ``connection.identity`` has changed, its user has not.

    Notification. Called before the client is answered.
    """


@hookspec
def disconnected(connection: Connection, code: int, reason: str) -> Awaitable[None] | None:
    """Notice that a connection has ended; it is in no room any more.

    Notification, in reverse order. ``code`` is the close code; ``reason`` is ``left``, ``lost``, ``kicked`` or
    ``drained``. The connection's state is freed afterwards.
    """


@hookspec
def check_join(connection: Connection, room: str) -> Awaitable[None] | None:
    """Refuse a connection that wants to enter a room.

    Guard. `Rejected` is the answer to ``join``; for the room of the URL it closes the connection.
    """


@hookspec
def check_recover(connection: Connection, room: str) -> Awaitable[None] | None:
    """Refuse to tell a connection that enters a room what it has missed there.

    Guard. Called after `check_join` where ``since`` is given and history is on. `Rejected` keeps nobody out: the
    connection enters with ``recovered`` false, as if too much had been missed.
    """


@hookspec
def joined(connection: Connection, room: str) -> Awaitable[None] | None:
    """Notice that a connection has entered a room.

    Notification. ``connection.manager`` tells who else is there.
    """


@hookspec
def left(connection: Connection, room: str, reason: str) -> Awaitable[None] | None:
    """Notice that a connection is no longer in a room, because it left or because it ended.

    Notification. ``reason`` is ``left``, ``lost``, ``kicked`` or ``drained``.
    """


@hookspec
def user_joined(room: str, user: str, connection: Connection | None) -> Awaitable[None] | None:
    """Notice that a user who was not in a room is there now, on whichever server of the cluster.

    Notification. ``connection`` is the one with which they came, if that was on this server.
    """


@hookspec
def user_left(room: str, user: str, reason: str) -> Awaitable[None] | None:
    """Notice that a user is in a room no more, with no connection on any server.

    Notification. ``reason`` is ``left``, ``lost``, ``kicked`` or ``drained``, as of the last connection.
    """


@hookspec
def check_event(connection: Connection, event: Event) -> Awaitable[None] | None:
    """Refuse an event that a client sent, before anything is done about it.

    Guard. ``event.user`` and ``event.timestamp`` are already the server's, ``event.room`` is filled in.
    """


@hookspec
def transform_event(connection: Connection, event: Event) -> Awaitable[Event | None] | Event | None:
    """Change an event before it is handled: return the one to go on with, or None to leave it as it is.

    Work. An exception is an ``internal`` error to the sender.
    """


@hookspec
def handle_event(connection: Connection, event: Event) -> Awaitable[Event | None] | Event | None:
    """Do what the event asks for. An event that is returned is the reply to its sender.

    Work. May raise `Rejected`; any other exception is an ``internal`` error to the sender.
    To wait for a publication, return what ``self.manager.publish`` returned, or await it.
    """


@hookspec
def event_handled(connection: Connection, event: Event) -> Awaitable[None] | None:
    """Notice that an event of a client was handled without an error.

    Notification. Called after its replies and its ``ack``.
    """


@hookspec
def check_publish(room: str, event: Event) -> Awaitable[None] | None:
    """Refuse a publication to a room, whoever makes it: a client's event, a plugin or the HTTP API.

    Guard. Called once for each publication, not for each recipient.
    """


@hookspec
def event_published(room: str, event: Event) -> Awaitable[None] | None:
    """Notice a publication that the broker has taken.

    Notification. Called once for each publication, not for each recipient.
    """
