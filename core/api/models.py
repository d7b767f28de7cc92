"""What requests and answers of the API are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..names import MAX_ROOM_NAME, MAX_USER_NAME
from .paths import name_from_path

RoomInPath = Annotated[
    str,
    BeforeValidator(name_from_path),
    Path(
        min_length=1,
        max_length=MAX_ROOM_NAME,
        description="Name of the room, percent-encoded in the URL.",
        examples=["lobby"],
    ),
]
UserInPath = Annotated[
    str,
    BeforeValidator(name_from_path),
    Path(
        min_length=1,
        max_length=MAX_USER_NAME,
        description="Name of the user, percent-encoded in the URL.",
        examples=["alice"],
    ),
]
ConnectionInPath = Annotated[
    str,
    BeforeValidator(name_from_path),
    Path(min_length=1, max_length=64, description="Id of the connection.", examples=["9f86d081884c1"]),
]
Reconnect = Annotated[
    bool,
    Query(description="Whether clients may come back by themselves: closed with 1013 then, instead of 4003."),
]
Reason = Annotated[
    str, Query(min_length=1, max_length=120, description="What the client is told; at most 123 bytes arrive.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many to list.")]
After = Annotated[
    str | None,
    Query(max_length=MAX_ROOM_NAME, description="List what follows on this: `next` of the page before."),
]

REMOVED = "Removed by an operator."

RoomName = Annotated[str, Field(min_length=1, max_length=MAX_ROOM_NAME, examples=["lobby"])]
UserName = Annotated[str, Field(min_length=1, max_length=MAX_USER_NAME, examples=["alice"])]
AsUser = Annotated[
    UserName | None,
    Field(description="In whose name, online or not; absent: in that of the API key."),
]
EventId = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=64,
        description="Published once, however often it is sent; absent: the Idempotency-Key, if there is one.",
        examples=["order-1042"],
    ),
]
Content = Annotated[
    object,
    Field(description="Any JSON value that the server's validation allows.", examples=["Hello from the shop!"]),
]


class Request(BaseModel):
    """A body: unknown fields are refused, so that no typing error goes unnoticed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewMessage(Request):
    """A message to a room."""

    content: Content
    user: AsUser = None
    id: EventId = None


class NewEvent(BaseModel):
    """An event as a client would send it: `type`, and the fields of the type."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={"examples": [{"type": "message", "content": "Hello!", "user": "shop"}]},
    )

    type: str = Field(min_length=1, max_length=64, description="One that `help` lists and that is about a room.")
    user: AsUser = None
    id: EventId = None


class Notice(Request):
    """News for people: their clients get a `system` event whose `event` is `notice`."""

    message: str = Field(
        min_length=1,
        max_length=2000,
        description="A sentence for a person.",
        examples=["Your order is on its way."],
    )
    data: object = Field(
        default=None, description="Any JSON value, for the client's program.", examples=[{"order": 1042}]
    )


class Published(BaseModel):
    """An event that was published."""

    room: str = Field(examples=["lobby"])
    timestamp: datetime
    id: str | None = Field(default=None, description="The event's id, if it has one.")
    seq: int | None = Field(default=None, description="Its number in the room, where history is on.")
    duplicate: bool = Field(default=False, description="Whether it was published before; nothing was done now.")


class Handled(Published):
    """An event that went through the pipeline, with what a client would have been sent in reply."""

    replies: list[dict[str, object]] = Field(default_factory=list[dict[str, object]])


class Delivered(BaseModel):
    """How many got it."""

    connections: int = Field(description="Connections that it was sent to, on all servers.")


class Disconnected(BaseModel):
    """How many are gone."""

    connections: int = Field(description="Connections that were closed.")


class RemovedFrom(BaseModel):
    """How many are no members any more."""

    connections: int = Field(description="Connections of the user that were members, and are still open.")


class RoomInfo(BaseModel):
    """One room. A room without members is nothing but a name."""

    room: str = Field(examples=["lobby"])
    online: int = Field(description="Users in it.")
    connections: int = Field(description="Connections in it.")


class RoomPage(BaseModel):
    """Rooms with somebody in them, by name."""

    rooms: list[RoomInfo]
    next: str | None = Field(default=None, description="Where the next page begins: `after` of the next request.")


class Member(BaseModel):
    """A user in a room."""

    user: str
    since: datetime
    connections: list[str] = Field(description="Ids of the user's connections in the room, on this server.")
    elsewhere: int = Field(default=0, description="How many there are on other servers.")


class MemberPage(BaseModel):
    """Who is in a room, by name."""

    room: str
    online: int = Field(description="Users in it, on this page or not.")
    members: list[Member]
    next: str | None = Field(default=None, description="Where the next page begins: `after` of the next request.")


class ConnectionInfo(BaseModel):
    """One connection."""

    id: str
    user: str
    kind: Literal["user", "guest", "service"] = Field(description="guest: nobody vouches for the name.")
    address: str = Field(description="The client's IP address.")
    since: datetime
    rooms: list[str]


class ConnectionPage(BaseModel):
    """Connections of one server, by id."""

    node: str = Field(description="The server that these are on: the one that answers.", examples=["eu1-3f9a02c1"])
    online: int = Field(description="Connections, on this page or not.")
    connections: list[ConnectionInfo]
    next: str | None = Field(default=None, description="Where the next page begins: `after` of the next request.")


class Elsewhere(BaseModel):
    """What a user has on another server."""

    node: str
    connections: int
    since: datetime = Field(description="When the first of them came.")


class UserInfo(BaseModel):
    """A user who is online."""

    user: str
    rooms: list[str]
    connections: list[ConnectionInfo] = Field(description="Those on the server that answers.")
    elsewhere: list[Elsewhere] = Field(
        default_factory=list[Elsewhere], description="How many there are on each of the other servers."
    )


class PresenceAnswer(BaseModel):
    """The `presence` event that a member of the room would get."""

    model_config = ConfigDict(extra="allow")

    type: Literal["presence"]
    room: str
    online: int
    users: list[dict[str, object]]


class HistoryAnswer(BaseModel):
    """The `history` event that a member of the room would get."""

    model_config = ConfigDict(extra="allow")

    type: Literal["history"]
    room: str
    events: list[dict[str, object]] = Field(description="Oldest first.")
