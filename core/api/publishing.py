"""What callers publish and tell: messages and other events to rooms, notices to people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

import msgspec

from ...protocol import Ack, Encoded, Event, Json, Rejected, RoomEvent, System
from ..service import Outcome, perform
from .caller import Caller
from .config import Scope
from .models import Delivered, Handled, NewEvent, NewMessage, Notice, Published
from .problems import ApiError

_SCOPE_FOR: Mapping[str, Scope] = {"publish": "publish", "presence": "read", "history": "read"}
"""The scope that an event takes, by its `RoomEvent.right`; one of a plugin's own takes ``control``."""


class NoticeEvent(System, tag="system", kw_only=True):
    """A notice on the wire."""

    data: object = None


async def publish_message(caller: Caller, room: str, body: NewMessage, position: int | None = None) -> Published:
    """Publish a message. ``position`` is that of the operation in a batch."""
    caller.require_in(room, "publish")
    event: dict[str, object] = {"type": "message", "content": body.content}
    return _published(
        (await _perform(caller, room, event, body.user, caller.event_id(body.id, position))).ack, room
    )


async def send_event(caller: Caller, room: str, body: NewEvent, position: int | None = None) -> Handled:
    """Take any event that is about a room through the pipeline."""
    fields = body.model_dump(exclude={"user", "id", "type"})
    if fields.pop("room", room) != room:
        raise Rejected("invalid", "The room of the event is that of the URL: leave it out.", path="room")
    type_ = caller.hub.codec.types.get(body.type)
    if type_ is not None and not issubclass(type_, RoomEvent):
        caller.require_in(room, "publish")
        raise Rejected("invalid", f"An event of the type {body.type!r} is not about a room.", path="type")
    caller.require_in(room, "publish" if type_ is None else _SCOPE_FOR.get(type_.right, "control"))
    event = {"type": body.type, **fields}
    outcome = await _perform(caller, room, event, body.user, caller.event_id(body.id, position))
    published = _published(outcome.ack, room)
    return Handled(**dict(published), replies=[as_json(reply) for reply in outcome.replies])


async def ask(caller: Caller, room: str, type_: str, **fields: Json) -> Event:
    """The reply to a query about ``room``, of the plugin that is called like the event type.

    Raise `ApiError` 501 where no plugin knows it.
    """
    caller.require_in(room, "read")
    if type_ not in caller.hub.codec.types:
        raise ApiError(
            501,
            "plugin_off",
            f"The plugin {type_} is off: switch it on with a line '{type_}:' under 'plugins:' in config.yaml.",
        )
    query: dict[str, object] = {
        "type": type_,
        **{name: value for name, value in fields.items() if value is not None},
    }
    return (await _perform(caller, room, query, None, None)).replies[-1]


async def notify_room(caller: Caller, room: str, body: Notice) -> Delivered:
    """Tell everyone in a room something, as the server."""
    caller.require_in(room, "notify")
    manager = caller.hub.manager
    there = manager.rooms.get(room)
    await manager.publish(room, _notice(caller, body, room))
    here = len(there) if there is not None else 0
    return Delivered(connections=here + manager.cluster.roster.connections(room))


async def notify_user(caller: Caller, user: str, body: Notice) -> Delivered:
    """Tell one user something, on every connection."""
    caller.require_everywhere("notify")
    count = await caller.hub.manager.reach.send_to_user(user, _notice(caller, body))
    if not count:
        raise user_offline(user)
    return Delivered(connections=count)


async def notify_client(caller: Caller, client: str, body: Notice) -> Delivered:
    """Tell one connection something, or else the user of this name: nobody can choose the id of a connection."""
    caller.require_everywhere("notify")
    count = await caller.hub.manager.reach.send_to_connection(client, _notice(caller, body))
    return Delivered(connections=count) if count else await notify_user(caller, client, body)


async def notify_everyone(caller: Caller, body: Notice) -> Delivered:
    """Tell everyone something."""
    caller.require_everywhere("notify")
    return Delivered(connections=await caller.hub.manager.reach.send_to_all(_notice(caller, body)))


def as_bytes(event: Event) -> bytes:
    """An event as it stands on the wire."""
    return Encoded(event).json


def as_json(event: Event) -> dict[str, object]:
    """The fields of an event on the wire."""
    return cast("dict[str, object]", msgspec.json.decode(Encoded(event).json))


def user_offline(user: str) -> Rejected:
    """The refusal of what needs a user to be online."""
    return Rejected("user_offline", f"{user} is not online.", path="user")


async def _perform(
    caller: Caller, room: str, event: Mapping[str, object], user: str | None, id_: str | None
) -> Outcome:
    whole = {**event, "room": room, **({} if id_ is None else {"id": id_})}
    return await perform(caller.hub, caller.identity(user), cast("Mapping[str, Json]", whole))


def _published(ack: Ack, room: str) -> Published:
    return Published(room=room, timestamp=ack.timestamp, id=ack.id, seq=ack.seq, duplicate=ack.duplicate)


def _notice(caller: Caller, body: Notice, room: str | None = None) -> NoticeEvent:
    """Raise `Rejected` where it is larger than an event may be, or no JSON."""
    notice = NoticeEvent(
        event="notice", message=body.message, timestamp=datetime.now(UTC), room=room, data=body.data
    )
    limit = caller.hub.config.server.max_frame_size
    if len(Encoded(notice).json) > limit:
        raise Rejected("too_large", f"The notice has more than {limit} bytes, the limit of server.max_frame_size.")
    return notice
