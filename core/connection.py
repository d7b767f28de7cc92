"""One client's connection: who it is, which rooms it is in, and what goes out to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, cast

from ..protocol import Encoded, Event, Format, Rejected, check_close_code, fitting_reason
from .backlog import Backlog, Overflow
from .identity import Identity
from .plugin import State
from .wire import UNRENDERED, Rendered, Wire, Writer

if TYPE_CHECKING:
    from .connection_manager import ConnectionManager
    from .room import Room
    from .session import Session

logger = logging.getLogger(__name__)

BACKLOG_SLICE = 64 * 1024
"""Bytes that a slow consumer which reads again is given at once."""

HELP_LINE = 'Type {"type":"help"} to see what this server understands.'


class Transport(Protocol):
    """What carries the frames of one connection."""

    @property
    def wire(self) -> Wire:
        """How batches are to be rendered for `write`."""
        ...

    @property
    def writer(self) -> Writer:
        """The shortest way to `write`, which rooms call for each member once the connection is open."""
        ...

    def write(self, rendered: Rendered) -> None:
        """Send, or buffer, without ever waiting."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection after what was written, within a bounded time."""
        ...

    def pause_reading(self) -> None:
        """Take no more frames from the client for now."""
        ...

    def resume_reading(self) -> None:
        """Take frames again."""
        ...

    def ping(self) -> bool:
        """Send a WebSocket ping frame, or return False where this transport cannot."""
        ...


class Connection:
    """A client that has been let in."""

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_fanout_waits",
        "_is_slow",
        "_out",
        "_taken",
        "_write",
        "address",
        "answering",
        "close_code",
        "format",
        "greeting",
        "id",
        "identity",
        "is_welcomed",
        "last_pong",
        "last_seen",
        "manager",
        "opened_at",
        "room",
        "rooms",
        "session",
        "speaks_ping",
        "state",
        "transport",
        "user",
        "wire",
        "writer",
    )

    def __init__(
        self,
        id_: str,
        identity: Identity,
        room: str,
        *,
        transport: Transport,
        session: Session,
        manager: ConnectionManager,
        format_: Format = Format.JSON,
        address: str = "",
    ) -> None:
        self.id = id_
        self.identity = identity
        """Who the client is, and what its credentials say; changed by ``refresh``."""
        self.user = identity.user
        self.room = room
        """The room of the URL, which events mean that name none."""
        self.rooms: dict[str, Room] = {}
        self.state = State()
        self.address = address
        self.format = format_
        self.manager = manager
        self.greeting = HELP_LINE
        """The sentence of the `welcome` event."""
        self.opened_at = datetime.now(UTC)
        self.last_seen = 0.0
        """When the client last gave a sign of life, in seconds of the event loop's clock."""
        self.last_pong = 0.0
        """When the client last answered a ping frame, on the same clock."""
        self.speaks_ping = False
        """Whether the client has sent a `ping` or `pong` event, and so understands them."""
        self.answering: str | None = None
        """The ``id`` of the event that is being handled."""
        self.close_code: int | None = None
        """Set once the connection is ending; nothing more is sent then."""
        self.is_welcomed = False
        """Whether `welcome` was sent; what is sent before it is held until then."""
        self.wire = transport.wire
        self.writer = transport.writer
        """What rooms call to write to this connection."""
        self._write = transport.write
        self.transport = transport
        self.session = session
        self._out: list[Encoded] = []
        self._backlog: Backlog | None = None
        self._is_slow = False
        self._taken: asyncio.Future[None] | None = None
        self._fanout_waits = False

    def __repr__(self) -> str:
        return f"<Connection {self.id} of {self.user!r}>"

    @property
    def is_open(self) -> bool:
        """Whether anything sent now can still arrive."""
        return self.close_code is None

    def send(self, event: Event) -> None:
        """Send to this client alone, in order with the events of its rooms. Never waits.

        Raise `Rejected` ``invalid`` where the event cannot be encoded.
        """
        if self.close_code is None:
            self.send_encoded(Encoded(event))

    def send_encoded(self, encoded: Encoded) -> None:
        """`send` what is encoded already, as for several connections."""
        if self.close_code is None:
            self._catch_up_with_rooms()
            self.enqueue((encoded,))

    def _catch_up_with_rooms(self) -> None:
        """Take over what is on its way from every room, so that something else may follow in order."""
        for room in self.rooms.values():
            room.catch_up(self)

    def enqueue(self, batch: Sequence[Encoded]) -> None:
        """Append to this connection's own buffer, which is written at the end of the event loop's turn."""
        self._out.extend(batch)
        if not self._fanout_waits:
            self._fanout_waits = True
            self.manager.fanout.add_connection(self)

    def welcome(self, event: Event) -> None:
        """Make ``event`` the first frame, and let everything go that was held until now."""
        self._out.insert(0, Encoded(event))
        self.is_welcomed = True
        self.enqueue(())

    def flush(self) -> bool:
        """Write this connection's own buffer; return whether there was anything in it."""
        self._fanout_waits = False
        if not self._out or not self.is_welcomed:
            return False
        batch, self._out = self._out, []
        self.write(self.wire.render(batch))
        return True

    def write(self, rendered: Rendered) -> None:
        """Hand rendered events to the transport; a failure ends this connection and is nobody else's."""
        try:
            self._write(rendered)
        except Exception as error:
            self.write_failed(error)

    def write_failed(self, error: Exception) -> None:
        """End the connection soon: this may be called in the middle of a broadcast."""
        logger.info("connection %s of %s cannot be written to: %s", self.id, self.user, error)
        self.close_soon(1011, "it cannot be written to")

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was sent; its rooms forget it at once. Raise as `check_close_code`."""
        check_close_code(code)
        if self.close_code is not None:
            return
        self._catch_up_with_rooms()
        self.flush()
        self.close_code = code
        self._backlog = None
        self.manager.ended(self, code)
        self.transport.close(code, fitting_reason(reason))

    def close_soon(self, code: int, reason: str) -> None:
        """`close` in the event loop's next turn."""
        asyncio.get_running_loop().call_soon(self.close, code, reason)

    def writing_paused(self) -> None:
        """Called by the transport when much is buffered for the client, maybe in the middle of a broadcast."""
        self._is_slow = True
        asyncio.get_running_loop().call_soon(self._hold_back)

    def writing_resumed(self) -> None:
        """Called by the transport when the client has taken most of it."""
        self._is_slow = False
        asyncio.get_running_loop().call_soon(self._catch_up_backlog)

    async def keeps_up(self, patience: float) -> bool:
        """Whether the client takes what it is sent, if need be after ``patience`` seconds."""
        self._catch_up_with_rooms()
        self.flush()
        if self._is_slow or self._backlog is not None:
            self._taken = self._taken or asyncio.get_running_loop().create_future()
            await asyncio.wait((self._taken,), timeout=patience)
        return not self._is_slow and self._backlog is None

    def _hold_back(self) -> None:
        """Keep what comes from now on in a backlog, under the policies of the config."""
        if self._is_slow and self._backlog is None and self.close_code is None:
            logger.info("slow consumer: connection %s of %s", self.id, self.user)
            self._catch_up_with_rooms()
            self.flush()
            self._backlog = self.manager.new_backlog()
            self._rewire(UNRENDERED, self._put_by, self._put_by)

    def _put_by(self, rendered: Rendered) -> None:
        if self._backlog is None:
            return
        try:
            self._backlog.put(cast("list[Encoded]", rendered))
        except Overflow:
            self._backlog = None
            self.close_soon(4008, "too slow: more events were waiting than may be")

    def _catch_up_backlog(self) -> None:
        """Write what waited, as far as the client takes it; then go on as before."""
        transport, backlog = self.transport, self._backlog
        if backlog is not None and self.close_code is None:
            self._catch_up_with_rooms()
            self.flush()
            while not self._is_slow and (batch := backlog.take(BACKLOG_SLICE)):
                transport.write(transport.wire.render(batch))
            if not self._is_slow:
                self._backlog = None
                self._rewire(transport.wire, transport.writer, transport.write)
        if self._taken is not None and not self._is_slow:
            self._taken.set_result(None)
            self._taken = None

    def _rewire(self, wire: Wire, writer: Writer, write: Writer) -> None:
        for room in self.rooms.values():
            room.rewire(self, wire, writer)
        self.wire, self.writer, self._write = wire, writer, write

    def reject(self, rejected: Rejected) -> None:
        """Answer with an `error`, and close if the refusal says so."""
        self.send(rejected.to_event())
        if rejected.close is not None:
            self.close(rejected.close, rejected.message)

    def ping(self) -> bool:
        """Send a WebSocket ping frame; False where the transport cannot."""
        return self.transport.ping()

    def pause_reading(self) -> None:
        """Take no more events from the client for now."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take events again."""
        self.transport.resume_reading()
