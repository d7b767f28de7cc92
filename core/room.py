"""A room: its members, and the events on their way to them.

Publishing appends one encoded event to the room's pending batch. At the end of the event loop's turn the batch is
rendered once for each kind of connection and written once to each member. Whoever must not wait for that, or
must not get the same as the others, is caught up first and from then on is *ahead* of the batch: that is how a
reply stays in order with the room's events, and how a joiner does not see what was published before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..protocol import Encoded
from .wire import Wire, Writer

if TYPE_CHECKING:
    from .config import RoomOptions
    from .connection import Connection
    from .fanout import Fanout


class Room:
    """One room with at least one member; the manager forgets it when the last one leaves."""

    __slots__ = (
        "_ahead",
        "_delivery",
        "_fanout",
        "_pending",
        "_size",
        "_users",
        "_writers",
        "name",
        "options",
        "pattern",
    )

    def __init__(self, name: str, pattern: str | None, options: RoomOptions, fanout: Fanout) -> None:
        """``pattern`` is the one of the config that the name matches, with its ``options``."""
        self.name = name
        self.pattern = pattern
        self.options = options
        self._fanout = fanout
        self._writers: dict[Wire, dict[Connection, Writer]] = {}
        self._users: dict[str, dict[Connection, datetime]] = {}
        self._size = 0
        self._pending: list[Encoded] = []
        self._ahead: dict[Connection, int] = {}
        self._delivery: Delivery | None = None

    def __len__(self) -> int:
        """The number of member connections."""
        return self._size

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._writers.get(connection.wire, ())

    @property
    def members(self) -> Iterator[Connection]:
        """Every member connection."""
        for writers in self._writers.values():
            yield from writers

    @property
    def users(self) -> Mapping[str, Mapping[Connection, datetime]]:
        """Each user in the room, with the connections and since when they are here."""
        return self._users

    @property
    def online(self) -> int:
        """The number of users in the room, however many connections each has."""
        return len(self._users)

    def add(self, connection: Connection) -> None:
        """Make a member of ``connection``: it receives what is published from now on."""
        self._writers.setdefault(connection.wire, {})[connection] = connection.writer
        self._size += 1
        self._users.setdefault(connection.user, {})[connection] = datetime.now(UTC)
        if self._pending:
            self._ahead[connection] = len(self._pending)

    def remove(self, connection: Connection) -> None:
        """End a membership; what was published before still goes to the connection's own buffer."""
        self.catch_up(connection)
        self._ahead.pop(connection, None)
        self._forget_writer(connection)
        self._size -= 1
        connections = self._users[connection.user]
        del connections[connection]
        if not connections:
            del self._users[connection.user]

    def _forget_writer(self, connection: Connection) -> None:
        writers = self._writers[connection.wire]
        del writers[connection]
        if not writers:
            del self._writers[connection.wire]

    def publish(self, encoded: Encoded, instead: Mapping[Connection, Encoded | None] | None = None) -> None:
        """Send to every member; those in ``instead`` get another event, or nothing."""
        pending = self._pending
        if instead is not None:
            for connection, other in instead.items():
                self.catch_up(connection)
                if other is not None:
                    connection.enqueue((other,))
                self._ahead[connection] = len(pending) + 1
        if not pending and self._delivery is None:
            self._fanout.add_room(self)
        pending.append(encoded)

    def catch_up(self, connection: Connection) -> None:
        """Hand a member what is still on its way to it, so that something else may follow in order."""
        if self._delivery is not None:
            self._delivery.serve(connection)
        pending = self._pending
        if pending:
            start = self._ahead.get(connection, 0)
            if start < len(pending):
                self._ahead[connection] = len(pending)
                connection.enqueue(pending[start:])

    def rewire(self, connection: Connection, wire: Wire, writer: Writer) -> None:
        """Write to a member that is caught up in another way from now on."""
        self._forget_writer(connection)
        self._writers.setdefault(wire, {})[connection] = writer

    def flush(self, budget: int) -> int:
        """Write the pending batch to ``budget`` members at most; return to how many it was written.

        A room that has more takes half of that in each turn of the event loop, and leaves the rest to others.
        """
        if self._delivery is None:
            batch, self._pending = self._pending, []
            ahead = self._ahead
            if ahead:
                self._ahead = {}
                _write_rest(batch, ahead)
            if self._size <= budget:
                for wire, writers in self._writers.items():
                    rendered = wire.render(batch)
                    for connection, write in _without(writers, ahead) if ahead else writers.items():
                        try:
                            write(rendered)
                        except Exception as error:  # A dead socket must not keep the event from the others.
                            connection.write_failed(error)
                return self._size
            self._delivery = Delivery(batch, self._writers, ahead)
        written = self._delivery.advance(max(1, budget // 2))
        if self._delivery.is_finished:
            self._delivery = None
        if self._delivery is not None or self._pending:
            self._fanout.go_on_with_room(self)
        return written


class Delivery:
    """One batch on its way through a room too large for one turn of the event loop."""

    def __init__(
        self,
        batch: list[Encoded],
        writers: Mapping[Wire, Mapping[Connection, Writer]],
        ahead: Iterable[Connection],
    ) -> None:
        """``ahead`` are the members who have it already."""
        self._rendered = {wire: wire.render(batch) for wire in writers}
        self._members = [(*member, wire) for wire, each in writers.items() for member in each.items()]
        self._next = 0
        self._ahead = set(ahead)
        self._places: dict[Connection, int] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether every member was served."""
        return self._next >= len(self._members)

    def serve(self, connection: Connection) -> None:
        """Write to one member out of turn, unless it was served already or came later."""
        if self._places is None:
            self._places = {member[0]: place for place, member in enumerate(self._members)}
        if self._places.get(connection, -1) >= self._next and connection not in self._ahead:
            self._ahead.add(connection)
            connection.write(self._rendered[connection.wire])

    def advance(self, budget: int) -> int:
        """Write to ``budget`` more members; return how many there were."""
        rendered, ahead = self._rendered, self._ahead
        members = self._members[self._next : self._next + budget]
        self._next += len(members)
        for connection, write, wire in members:
            if ahead and connection in ahead:
                continue
            try:
                write(rendered[wire])
            except Exception as error:  # A dead socket must not keep the event from the others.
                connection.write_failed(error)
        return len(members)


def _write_rest(batch: list[Encoded], ahead: Mapping[Connection, int]) -> None:
    """Write to those who were ahead what came after."""
    for connection, start in ahead.items():
        if start < len(batch):
            connection.write(connection.wire.render(batch[start:]))


def _without(
    writers: Mapping[Connection, Writer], ahead: Mapping[Connection, int]
) -> Iterable[tuple[Connection, Writer]]:
    return [(connection, writer) for connection, writer in writers.items() if connection not in ahead]
