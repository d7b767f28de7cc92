"""What the servers of a cluster tell each other, as MessagePack."""

from __future__ import annotations

import msgspec

Entry = tuple[str, str, int, float, str]
"""Room, user, how many connections there are now, since when, and why they went where there are none."""


class ClusterMessage(msgspec.Struct, tag_field="kind", array_like=True):
    """Something that ``node`` tells."""

    node: str


class Alive(ClusterMessage, tag="alive"):
    """The server lives. ``clock`` is the number of its last `Changes`."""

    clock: int
    started: float
    connections: int
    rooms: int


class Changes(ClusterMessage, tag="changes"):
    """Who came and went, number by number."""

    clock: int
    entries: list[Entry]


class Ask(ClusterMessage, tag="ask"):
    """Asks a server for everybody who is there."""


class Everybody(ClusterMessage, tag="everybody"):
    """All who are on a server, as of its ``clock``: an answer to `Ask`."""

    clock: int
    entries: list[Entry]


class Bye(ClusterMessage, tag="bye"):
    """The server goes down in good order."""


class ToUser(ClusterMessage, tag="to_user"):
    """An event, as JSON, for every connection of a user."""

    user: str
    event: bytes


class Hangup(ClusterMessage, tag="hangup"):
    """Close every connection of a user."""

    user: str
    code: int
    reason: str


class ToConnection(ClusterMessage, tag="to_connection"):
    """An event, as JSON, for one connection, or with a ``code`` its end; to be answered with `Reached`."""

    request: int
    connection: str
    event: bytes = b""
    code: int | None = None
    reason: str = ""


class MakeWay(ClusterMessage, tag="make_way"):
    """A user whom an auth plugin vouches for has come: guests who have the name by chance have to go."""

    user: str


class Reached(ClusterMessage, tag="reached"):
    """How many connections there were for what another server wanted done: an answer to its ``request``."""

    request: int
    connections: int


class Remove(ClusterMessage, tag="remove"):
    """Take a user out of a room."""

    user: str
    room: str


class ToAll(ClusterMessage, tag="to_all"):
    """An event, as JSON, for every connection."""

    event: bytes


class ToPlugin(ClusterMessage, tag="to_plugin"):
    """What a plugin tells itself."""

    plugin: str
    payload: bytes


AnyMessage = (
    Alive
    | Changes
    | Ask
    | Everybody
    | Bye
    | ToUser
    | ToConnection
    | ToAll
    | Hangup
    | Remove
    | MakeWay
    | Reached
    | ToPlugin
)

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(AnyMessage).decode
