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
    """Close connections: one by its id, or all of a user."""

    code: int
    reason: str
    connection: str | None = None
    user: str | None = None


class Remove(ClusterMessage, tag="remove"):
    """Take a user out of a room."""

    user: str
    room: str


class ToAll(ClusterMessage, tag="to_all"):
    """An event, as JSON, for every connection."""

    event: bytes


AnyMessage = Alive | Changes | Ask | Everybody | Bye | ToUser | Hangup | Remove | ToAll

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(AnyMessage).decode
