"""The server of config.yaml in memory, whose clients write to nowhere, and how its rounds are measured."""

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import uvloop
from hubbub.core import Connection
from hubbub.core.config import load_config
from hubbub.core.handshake import Handshake
from hubbub.core.hub import Hub
from hubbub.core.session import Session
from hubbub.core.wire import JSON_FRAMES, Rendered, Wire, Writer

from ..paths import HUBBUB_CONFIG

CONTENT = "x" * 128
FRAME = b'{"type":"message","content":"%s"}' % CONTENT.encode()
ROUNDS, WARMUP_ROUNDS = 60, 5


class Benchmark(Protocol):
    """What is used of pytest-benchmark's fixture, whose package is not in Hubbub's own environment."""

    extra_info: dict[str, object]

    def pedantic(
        self,
        target: Callable[..., object],
        args: tuple[object, ...] = (),
        *,
        setup: Callable[[], object] | None = None,
        rounds: int,
        iterations: int = 1,
        warmup_rounds: int,
    ) -> object: ...


class Nowhere:
    """A transport like the fast one, of no cost: what is left is Hubbub's own."""

    def __init__(self) -> None:
        self._take: Callable[[Rendered], None] = deque[Rendered](maxlen=1).append

    @property
    def wire(self) -> Wire:
        return JSON_FRAMES

    @property
    def writer(self) -> Writer:
        return self._take

    def write(self, rendered: Rendered) -> None:
        self._take(rendered)

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"the server closed a connection: {code} {reason}")

    def pause_reading(self) -> None:
        raise AssertionError("the server stopped reading")

    def resume_reading(self) -> None: ...

    def ping(self) -> bool:
        return True


def measure(benchmark: Benchmark, function: Callable[..., object], *arguments: object) -> object:
    """Time rounds of so many calls that reading the clock does not count; return what a call returns."""
    benchmark.pedantic(function, arguments, rounds=ROUNDS, iterations=500, warmup_rounds=WARMUP_ROUNDS)
    return function(*arguments)


class ServerInMemory:
    """Everything of `hubbub serve` but the sockets, on uvloop."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.hub = Hub(load_config(HUBBUB_CONFIG, {}))
        self.run(self.hub.start)

    def run(self, coroutine: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.loop.run_until_complete(coroutine())

    def settle(self) -> None:
        """Let everything be written that waits."""

        async def wait() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        self.run(wait)

    def connect(self, users: int, room: str) -> tuple[Session, Connection]:
        """Let so many users in; return the last one."""
        session = self.hub.new_session(Nowhere())

        async def open_all() -> None:
            nonlocal session
            for number in range(users):
                session = self.hub.new_session(Nowhere())
                session.open(Handshake(room, {"user": f"user{number}"}))
                await asyncio.sleep(0)

        self.run(open_all)
        self.settle()
        assert len(self.hub.manager.rooms[room]) == users
        return session, list(self.hub.manager.connections.values())[-1]

    def measure(
        self, benchmark: Benchmark, one_round: Callable[[], Coroutine[Any, Any, None]], events: int
    ) -> None:
        """Time many rounds of ``events`` each; what a round leaves to be written is not timed."""
        benchmark.extra_info["events"] = events
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)  # as `hubbub serve` has it
        benchmark.pedantic(
            lambda: self.run(one_round), setup=self.settle, rounds=ROUNDS, warmup_rounds=WARMUP_ROUNDS
        )

    def stop(self) -> None:
        self.loop.close()
