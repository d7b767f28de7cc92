"""The way of a message through the server, with the five default plugins on."""

import asyncio
from datetime import UTC, datetime

import pytest
from hubbub.protocol import Message

from .measuring import CONTENT, FRAME, Benchmark, ServerInMemory

EVENTS = 250


def bench_pipeline(benchmark: Benchmark, server: ServerInMemory) -> None:
    """the pipeline, five plugins; its publish encodes"""
    _, connection = server.connect(1, "lobby")
    pipeline = server.hub.pipeline
    message = Message(content=CONTENT, room="lobby", user=connection.user, timestamp=datetime.now(UTC))
    steps = pipeline.chain_of(message).steps

    async def one_round() -> None:
        for _ in range(EVENTS):
            assert pipeline.run(steps, connection, message) is None

    server.measure(benchmark, one_round, EVENTS)


def bench_receive(benchmark: Benchmark, server: ServerInMemory) -> None:
    """an event: decode, pipeline, encode"""
    session, _ = server.connect(1, "lobby")

    async def one_round() -> None:
        for _ in range(EVENTS):
            session.receive(FRAME, is_text=True)

    server.measure(benchmark, one_round, EVENTS)


@pytest.mark.parametrize("together", [16, 1])
def bench_receive_and_flush(benchmark: Benchmark, server: ServerInMemory, together: int) -> None:
    """an event: decode, pipeline, encode, frame, flush; in one turn of the loop"""
    session, _ = server.connect(1, "lobby")
    turns = EVENTS // together

    async def one_round() -> None:
        for _ in range(turns):
            for _ in range(together):
                session.receive(FRAME, is_text=True)
            await asyncio.sleep(0)

    server.measure(benchmark, one_round, turns * together)


@pytest.mark.parametrize("members", [1, 100, 1000])
def bench_publish(benchmark: Benchmark, server: ServerInMemory, members: int) -> None:
    """publish and flush, members of the room"""
    _, connection = server.connect(members, "lobby")
    publish, turns = server.hub.manager.publish, EVENTS // 5
    message = Message(content=CONTENT, user=connection.user, timestamp=datetime.now(UTC))

    async def one_round() -> None:
        for _ in range(turns):
            await publish("lobby", message)
            await asyncio.sleep(0)

    server.measure(benchmark, one_round, turns)


def bench_turn(benchmark: Benchmark, server: ServerInMemory) -> None:
    """a turn of the event loop with nothing to do"""

    async def one_round() -> None:
        for _ in range(EVENTS):
            await asyncio.sleep(0)

    server.measure(benchmark, one_round, EVENTS)
