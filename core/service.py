"""How code without a client takes part: the HTTP API, and the application that Hubbub is embedded in.

What it sends takes the way of a client's event, through every check and handler, on a connection that nobody sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..protocol import Ack, Duplicate, Event, Join, Json, Leave, Refresh, Rejected, RoomEvent, Stamped, tag_of
from .connection import Connection
from .eager import DONE
from .identity import Identity
from .logs import current_connection
from .names import check_room_name, check_user_name
from .session import Session
from .wire import UNRENDERED, Rendered, Wire, Writer

if TYPE_CHECKING:
    from .hub import Hub


_OF_A_CONNECTION = (Join, Leave, Refresh)
"""What means nothing without a client."""


class Outcome(NamedTuple):
    """What came of an event."""

    ack: Ack
    replies: list[Event]
    """What a client would have been sent besides, such as the answer to ``presence``."""


class ServiceConnection(Connection):
    """A connection without a client, in no room and in no list. What is sent to it is kept in ``replies``."""

    __slots__ = ("replies",)

    def __init__(self, hub: Hub, identity: Identity, room: str) -> None:
        transport = _Nowhere()
        super().__init__(
            "service", identity, room, transport=transport, session=Session(hub, transport), manager=hub.manager
        )
        self.last_seen = hub.manager.now()
        self.replies: list[Event] = []

    def send(self, event: Event) -> None:
        """Keep ``event`` for whoever asked."""
        self.replies.append(event)

    def close(self, code: int, reason: str = "") -> None:
        """There is nobody to hang up on."""
        del code, reason


async def perform(hub: Hub, identity: Identity, event: Mapping[str, Json]) -> Outcome:
    """Take ``event`` through the pipeline as if ``identity`` had sent it; a ``room`` needs no joining.

    Raise `Rejected` where it is refused, in the words that a client would get, ``unavailable`` where the server is
    going down or cannot start.
    """
    check_user_name(identity.user)
    decoded = hub.codec.decode_json(_encoded(event, hub.config.server.max_frame_size))
    if isinstance(decoded, _OF_A_CONNECTION):
        raise Rejected(
            "invalid", f"An event of the type {tag_of(type(decoded))!r} needs a connection.", path="type"
        )
    if not await hub.start_if_forgotten():
        raise Rejected("unavailable", "The server is going down, or cannot start; nothing was done.")
    connection = ServiceConnection(hub, identity, hub.default_room)
    connection.answering = decoded.id
    _stamp(connection, decoded)
    token = current_connection.set(connection)
    try:
        await (hub.pipeline.run(hub.pipeline.chain_of(decoded).answered_steps, connection, decoded) or DONE)
    except Duplicate as duplicate:
        duplicate.id = decoded.id
        connection.send(duplicate.to_event())
    finally:
        current_connection.reset(token)
    acks = [each for each in connection.replies if isinstance(each, Ack)]
    return Outcome(acks[-1], [each for each in connection.replies if not isinstance(each, Ack)])


def _encoded(event: Mapping[str, Json], limit: int) -> bytes:
    try:
        encoded = msgspec.json.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Rejected("invalid", f"The event has no place in JSON: {error}") from None
    if len(encoded) > limit:
        raise Rejected("too_large", f"The event has more than {limit} bytes, the limit of server.max_frame_size.")
    return encoded


def _stamp(connection: Connection, event: Event) -> None:
    if isinstance(event, Stamped):
        event.user = connection.user
        event.timestamp = connection.manager.timestamp(connection.last_seen)
    if isinstance(event, RoomEvent):
        event.room = check_room_name(event.room or connection.room)
        event.seq = None


class _Nowhere:
    """The transport of a connection without a client."""

    @property
    def wire(self) -> Wire:
        return UNRENDERED

    @property
    def writer(self) -> Writer:
        return self.write

    def write(self, rendered: Rendered) -> None:
        del rendered

    def close(self, code: int, reason: str) -> None:
        del code, reason

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def ping(self) -> bool:
        return False
