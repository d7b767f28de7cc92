"""The main path of a connection, top to bottom: open, then receive, decode, check, handle, answer, then close.

A session runs inside the transport's callbacks. Only when a hook has to wait does it become a task; the
connection's later frames then wait in its inbox, so that one connection's events never overtake each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ..protocol import Event, Format, Ping, Pong, Rejected, RoomEvent, Stamped, fitting_reason
from .connection import Connection, Transport
from .eager import start
from .handshake import Handshake
from .identity import Identity
from .logs import current_connection
from .names import check_room_name, check_user_name
from .news import not_in_room
from .pipeline import Unfinished
from .unanswered import Unanswered, answer, refuse, tell_of_failure

if TYPE_CHECKING:
    from .hub import Hub
    from .pipeline import Chain, Steps

logger = logging.getLogger(__name__)


class Session:
    """One client, from its handshake to its end. The transport calls `open`, `receive`, `alive` and `ended`."""

    __slots__ = (
        "_connection",
        "_has_ended",
        "_hub",
        "_inbox",
        "_is_reading_paused",
        "_transport",
        "_unanswered",
        "task",
    )

    def __init__(self, hub: Hub, transport: Transport) -> None:
        self._hub = hub
        self._transport = transport
        self._connection: Connection | None = None
        self._inbox: deque[tuple[bytes, bool]] | None = None
        self.task: asyncio.Future[None] | None = None
        """The step that has to wait, while there is one."""
        self._is_reading_paused = False
        self._has_ended = False
        self._unanswered: Unanswered | None = None

    # Called by the transport

    def open(self, handshake: Handshake) -> None:
        """Let the client in, or close the transport and say why. Call once the handshake is accepted."""
        try:
            waiting = start(self._open(handshake))
            if waiting is not None:
                self._wait_for(waiting)
        except Exception:
            self._failed()
        finally:
            current_connection.set(None)

    def receive(self, frame: bytes, *, is_text: bool) -> None:
        """Take one whole message from the client; text is valid UTF-8."""
        connection = self._connection
        if self.task is not None:
            self._put_by(frame, is_text)
        elif connection is not None and connection.close_code is None:
            token = current_connection.set(connection)
            try:
                waiting = self._answer(connection, frame, is_text)
                if waiting is not None:
                    self._wait_for(waiting)
            except Exception:
                self._failed()
            finally:
                current_connection.reset(token)

    def alive(self) -> None:
        """Note a sign of life that is no message, such as a pong frame."""
        if self._connection is not None:
            self._connection.last_seen = self._connection.last_pong = self._hub.manager.now()

    def writing_paused(self) -> None:
        """Note that much is buffered for the client."""
        if self._connection is not None:
            self._connection.writing_paused()

    def writing_resumed(self) -> None:
        """Note that the client has taken most of it."""
        if self._connection is not None:
            self._connection.writing_resumed()

    def flush(self) -> bool:
        """Write what there is for the client at once; False where there is nothing yet."""
        return self._connection is not None and self._connection.flush()

    def refuse(self, code: int, reason: str) -> None:
        """Close for a frame that breaks the rules of the transport."""
        if self._connection is not None:
            self._connection.close(code, reason)
        else:
            self._transport.close(code, fitting_reason(reason))

    def ended(self, code: int) -> None:
        """Note that the transport is gone: ``code`` is what the client closed with, or 1006 if it vanished."""
        self._has_ended = True
        self._inbox = None
        connection = self._connection
        if connection is not None and connection.close_code is None:
            connection.close_code = code
            self._hub.manager.ended(connection, code)
        self._let_go()

    def _let_go(self) -> None:
        """Forget the connection, which refers back: only the collector would free them."""
        if self._has_ended and self.task is None:
            self._connection = self._unanswered = None

    # Open

    async def _open(self, handshake: Handshake) -> None:
        manager, pipeline = self._hub.manager, self._hub.pipeline
        try:
            self._hub.door.check(handshake)
            identity = await pipeline.authenticate(handshake) or manager.guests.identify(handshake)
            self._check_entry(identity, handshake)
            room = check_room_name(handshake.room or self._hub.default_room)
            connection = Connection(
                manager.new_connection_id(),
                identity,
                room,
                transport=self._transport,
                session=self,
                manager=manager,
                format_=handshake.format,
                address=handshake.address,
            )
            connection.last_seen = manager.now()
            current_connection.set(connection)
            await pipeline.check("check_connect", connection)
            self._check_entry(identity, handshake)  # Others may have come in meanwhile.
            if self._has_ended or not connection.is_open:
                return
            manager.reach.make_way(identity)
            manager.add(connection)
            self._connection = connection
            await pipeline.notify("connected", connection)
            await manager.join(connection, room, epoch=handshake.query.get("epoch"), since=handshake.since)
        except Rejected as rejected:
            self._refuse(rejected)

    def _check_entry(self, identity: Identity, handshake: Handshake) -> None:
        """Raise `Rejected` where a name or a limit keeps the client out."""
        manager = self._hub.manager
        check_user_name(identity.user)
        manager.limits.check_capacity(manager, identity.user, handshake.address)
        if identity.is_guest:
            manager.guests.check_name(identity.user, handshake, manager.users)

    def _refuse(self, rejected: Rejected) -> None:
        logger.info("connection refused: %s", rejected.message)
        if not self._has_ended:
            self.refuse(rejected.close_code, rejected.message)

    # Receive, decode, check, handle, answer

    def _answer(self, connection: Connection, frame: bytes, is_text: bool) -> Awaitable[None] | None:
        event: Event | None = None
        try:
            hub = self._hub
            connection.last_seen = hub.manager.now()
            if is_text or connection.format is Format.JSON:
                event = hub.codec.decode_json(frame)
            else:
                event = hub.codec.decode_msgpack(frame)
            chain = hub.pipeline.chain_of(event)
            id_ = connection.answering = event.id
            self._stamp(connection, event, chain)
            steps = chain.steps if id_ is None else chain.answered_steps
            others = self._unanswered
            if others and not (chain.is_recorded and not others.is_full):
                return self._answer_after_others(others, connection, event, steps)
            waiting = hub.pipeline.run(steps, connection, event)
            if waiting is None:
                return None
            if not isinstance(waiting, Unfinished):
                return answer(connection, id_, waiting)
            if others is None:
                others = self._unanswered = Unanswered(connection, self._failed)
            others.add(waiting)
        except Rejected as rejected:
            if event is not None:
                rejected.id = connection.answering
            connection.reject(rejected)
        return None

    async def _answer_after_others(
        self, others: Unanswered, connection: Connection, event: Event, steps: Steps
    ) -> None:
        await others.wait()
        connection.answering = event.id
        try:
            waiting = self._hub.pipeline.run(steps, connection, event)
            if isinstance(waiting, Unfinished):
                others.add(waiting)
            elif waiting is not None:
                await waiting
        except Rejected as rejected:
            refuse(connection, rejected, event.id)

    def _stamp(self, connection: Connection, event: Event, chain: Chain) -> None:
        """Say who sent the event, when and where: whatever the client claimed."""
        if chain.is_in_room:
            in_room: RoomEvent = event  # pyright: ignore[reportAssignmentType] # the chain knows
            in_room.user = connection.user
            in_room.timestamp = self._hub.manager.timestamp(connection.last_seen)
            in_room.seq = None
            room = in_room.room
            if room is None:
                room = in_room.room = connection.room
            if room not in connection.rooms:
                raise not_in_room(connection, room)
        elif isinstance(event, Stamped):
            event.user = connection.user
            event.timestamp = self._hub.manager.timestamp(connection.last_seen)
        elif isinstance(event, Ping | Pong):
            connection.speaks_ping = True

    # One after the other

    def _wait_for(self, waiting: Awaitable[None]) -> None:
        """Let later frames wait in the inbox until this is done."""
        self.task = asyncio.ensure_future(waiting)
        self.task.add_done_callback(self._stepped)

    def _stepped(self, task: asyncio.Future[None]) -> None:
        """Take the next frames from the inbox, until one has to wait."""
        self.task = None
        tell_of_failure(task, self._failed)
        while self._inbox and self.task is None:
            frame, is_text = self._inbox.popleft()
            self.receive(frame, is_text=is_text)
        if self._is_reading_paused and not self._inbox and not self._has_ended:
            self._is_reading_paused = False
            self._transport.resume_reading()
        self._let_go()

    def _put_by(self, frame: bytes, is_text: bool) -> None:
        if self._has_ended:
            return
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append((frame, is_text))
        if len(self._inbox) >= self._hub.config.server.inbox_size and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _failed(self) -> None:
        """An error of our own: it costs this connection, and nobody else anything."""
        logger.exception("the session failed")
        self.refuse(1011, "internal error")
