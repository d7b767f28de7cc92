"""The model test again, over real sockets: both transports, every store, servers that are stopped and killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import ClassVar
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from ..plugins.history.servers import Postgres, Redis, send
from .forked_server import ForkedServer
from .machine import HistoryMachine
from .model import Place
from .socket_line import SocketLine

KEEP, MAX_RECOVERED = 1000, 30
HISTORY = {"keep": KEEP, "max_recovered": MAX_RECOVERED, "page": 10, "trim_interval": 0.1}
ROOMS = {"options": {"few-*": {"plugins": {"history": {"keep": 8}}}}}

MOST_RESTARTS = 3
"""In one example: they are what takes time."""

numbers = count(1)


class SocketMachine(HistoryMachine):
    """What happens to one server after the other, all at one store; each example has rooms of its own."""

    server: ClassVar[ForkedServer]
    forgets: ClassVar[bool]
    """Whether everything ends with the server."""
    guest_keys: ClassVar[dict[str, str]]
    """Of the server that runs now, which may not have noticed yet that those of the last example are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.prefix = ""
        self.lines: list[SocketLine] = []
        self.restarts = 0

    def start(self, options: Mapping[str, object]) -> None:
        self.prefix = f"{'few' if options['keep'] == 8 else 'many'}-{next(numbers)}-"
        for room in self.rooms.values():
            room.max_recovered = MAX_RECOVERED

    def now(self) -> float:
        return 0.0

    def connect(self, user: str, room: str, place: Place | None) -> SocketLine:
        line = SocketLine(self.server.url, self.prefix, user, room, place, self.guest_keys)
        self.lines.append(line)
        return line

    def wait_for_quiet(self) -> None:
        """Until everything is published; everybody has got it who is asked once more."""
        for person in self.people.values():
            if isinstance(person.line, SocketLine):
                person.line.settle()

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule(how=st.sampled_from([signal.SIGTERM, signal.SIGKILL]), times=st.sampled_from([0, 1, 12]))
    def restart(self, how: signal.Signals, times: int) -> None:
        """Now, or in the middle of what everybody says ``times`` times."""
        self.restarts += 1
        self.talk(self.people, times, has_id=True)
        try:
            self.server.end(how)
        finally:  # A failure is tried once more.
            self.server.start()
        self.hear_the_last_words()
        self.lose_everybody()
        self.guest_keys.clear()
        if self.forgets:
            for room in self.rooms.values():
                room.was_forgotten()

    def hear_the_last_words(self) -> None:
        """What has still come from the server counts like everything before."""
        for person in self.people.values():
            if isinstance(person.line, SocketLine):
                person.line.read_to_the_end()
                person.listen()

    def end(self) -> None:
        for line in self.lines:
            line.vanish()


pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Mapping[str, object]]:
    """The options of history for a store, and the server that it needs."""
    servers = {"postgres": Postgres, "redis": Redis}
    if request.param not in servers:
        yield {"store": request.param}
        return
    server = servers[request.param]()
    if isinstance(server, Redis):
        send(server, "CONFIG", "SET", "appendfsync", "no")  # It is not killed, and syncs take most of the time.
    yield {"store": request.param, "url": server.url}
    server.remove()


@pytest.mark.parametrize("transport", ["auto", "portable"])
def test_whatever_people_do_over_sockets_nothing_is_lost_or_doubled(
    transport: str, store: Mapping[str, object], tmp_path: Path
) -> None:
    plugins = {"chat": {}, "history": {**HISTORY, **store}}
    server = ForkedServer(tmp_path, {"server": {"transport": transport}, "rooms": ROOMS, "plugins": plugins})
    attributes = {"server": server, "forgets": store["store"] == "memory", "guest_keys": dict[str, str]()}
    machine = type("Machine", (SocketMachine,), attributes)
    others_than_elsewhere = seed(crc32(f"{transport} {store['store']}".encode()))
    try:
        run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
            others_than_elsewhere(machine),
            settings=settings(
                max_examples=8,
                stateful_step_count=35,
                suppress_health_check=[HealthCheck.too_slow],
                phases=[Phase.generate],  # Each example is another course in time: it cannot be made shorter.
            ),
        )
    finally:
        server.end(signal.SIGTERM)
