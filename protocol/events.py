"""The event types that every Hubbub server speaks, before any plugin adds its own.

Each event is one object on the wire and says by its ``type`` which event it is. A plugin adds a type by
subclassing `Event` (or `RoomEvent`, for what happens in a room) with a ``tag`` of its own:

    class Typing(RoomEvent, tag="typing"):
        summary = "Tells the room that you are typing."
        example = {"type": "typing"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

type_field = "type"

EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
RoomName = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

Json = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""Any JSON value, for the people who build events in Python."""


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field=type_field):
    """One typed object on the wire.

    ``id`` is the client's own: who sends one gets exactly one `Ack` or `Error` with the same id back.
    """

    summary: ClassVar[str] = ""
    """What the event does, in one sentence for a person: shown by ``help``."""
    example: ClassVar[Mapping[str, Json]] = {}
    """A whole event to copy: shown by ``help`` and in errors."""

    id: EventId | None = None


class Stamped(Event):
    """An event of which the server says who sent it and when: what a client claims is overwritten."""

    user: str | None = None
    timestamp: datetime | None = None


class RoomEvent(Stamped):
    """An event in a room: only members may send it.

    A client that leaves ``room`` out means the room of its URL; plugins always see the name.
    """

    right: ClassVar[str] = "publish"
    """The right that it takes to send it: ``publish``, ``presence``, ``history``, or one of a plugin's own."""

    is_recorded: ClassVar[bool] = True
    """Whether a publication of it is kept where history is on; not for what is old the moment after."""

    room: RoomName | None = None
    seq: int | None = None


class Message(RoomEvent, tag="message", kw_only=True):
    """Something said to a room."""

    summary = "Says something to everyone in a room."
    example = {"type": "message", "content": "Hello, everyone!"}

    content: object


class Private(Stamped, tag="private", kw_only=True):
    """Something said to one user, on each of that user's connections."""

    summary = "Says something to one user alone."
    example = {"type": "private", "to": "bob", "content": "Hello, Bob!"}

    to: UserName
    content: object


class Ping(Event, tag="ping"):
    """Asks the other side for a `Pong`, from a client or from the server."""

    summary = "Asks the server for a sign of life: a pong."
    example = {"type": "ping"}

    timestamp: str | int | float | None = None


class Pong(Event, tag="pong"):
    """Answers a `Ping` with the same fields."""

    summary = "Answers a ping of the server."
    example = {"type": "pong"}

    timestamp: str | int | float | None = None


class Join(Event, tag="join", kw_only=True):
    """Enters a room; with ``epoch`` and ``since``, resumes it after that sequence number."""

    summary = "Enters a room."
    example = {"type": "join", "room": "garden"}

    room: RoomName
    epoch: str | None = None
    since: int | None = None


class Leave(Event, tag="leave", kw_only=True):
    """Leaves a room."""

    summary = "Leaves a room."
    example = {"type": "leave", "room": "garden"}

    room: RoomName


class Refresh(Event, tag="refresh", kw_only=True):
    """New credentials for a connection that stays open."""

    summary = "Renews your credentials on this connection, before they expire."
    example = {"type": "refresh", "token": "<your new token>"}

    token: Annotated[str, msgspec.Meta(min_length=1)]

    def __repr__(self) -> str:
        return "Refresh(token=***)"


class Help(Event, tag="help"):
    """Asks which event types the server understands."""

    summary = "Lists every event type that this server understands."
    example = {"type": "help"}


class HelpReply(Event, tag="help", kw_only=True):
    """Every type that the enabled plugins understand."""

    types: list[TypeHelp]


class TypeHelp(msgspec.Struct, omit_defaults=True):
    """One event type, with an example to copy."""

    type: str
    summary: str
    example: Mapping[str, Json]


class System(Event, tag="system", kw_only=True):
    """The server's own news. ``event`` says which, ``message`` tells it to a person.

    A plugin whose news has more fields subclasses this with the same tag.
    """

    event: str
    message: str
    timestamp: datetime
    room: str | None = None
    user: str | None = None
    online: int | None = None
    reason: str | None = None
    protocol: str | None = None
    retry_after: float | None = None
    expires: datetime | None = None
    guest_key: str | None = None
    epoch: str | None = None
    seq: int | None = None
    recovered: bool | None = None


class Ack(Event, tag="ack", kw_only=True):
    """The event with this ``id`` was carried out."""

    timestamp: datetime
    room: str | None = None
    seq: int | None = None
    duplicate: bool = False


class Error(Event, tag="error", kw_only=True):
    """One event was refused; the connection lives. Fields as in `hubbub.protocol.Rejected`.

    ``shown`` is the ``example`` of the wire.
    """

    code: str
    message: str
    retryable: bool
    path: str | None = None
    expected: str | None = None
    shown: Mapping[str, Json] | None = msgspec.field(name="example", default=None)
    retry_after: float | None = None


class Gap(Event, tag="gap", kw_only=True):
    """Events that this connection will not get: loss is never silent."""

    room: str
    reason: str
    first: int | None = msgspec.field(name="from", default=None)
    last: int | None = msgspec.field(name="to", default=None)
    lost: int | None = None


CORE_EVENTS: tuple[type[Event], ...] = (Ping, Pong, Join, Leave, Refresh, Help)
"""What a client may send to any server, whichever plugins it runs."""
