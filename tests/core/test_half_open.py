import logging
from collections.abc import Callable, Iterator

import pytest
from hubbub.core.half_open import HalfOpen
from hubbub.core.virtual_time import VirtualTimeLoop


class Connection:
    def __init__(self) -> None:
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    loop = VirtualTimeLoop()
    yield loop
    loop.close()


def call(loop: VirtualTimeLoop, function: Callable[[Connection], None], *connections: Connection) -> None:
    for connection in connections:
        loop.call_soon(function, connection)
    loop.settle()


def test_who_sends_no_request_in_time_is_cut_once(loop: VirtualTimeLoop) -> None:
    half_open, connection = HalfOpen(10, 5), Connection()
    call(loop, half_open.add, connection)
    loop.advance(4.9)
    assert connection.cuts == 0
    loop.advance(0.7)
    assert connection.cuts == 1
    assert len(half_open) == 0
    loop.advance(60)
    assert connection.cuts == 1


def test_who_sends_its_request_is_left_alone(loop: VirtualTimeLoop) -> None:
    half_open, connection = HalfOpen(10, 5), Connection()
    call(loop, half_open.add, connection)
    loop.advance(4)
    call(loop, half_open.discard, connection)
    call(loop, half_open.discard, connection)
    loop.advance(60)
    assert connection.cuts == 0


def test_each_has_its_own_time_and_a_new_request_has_a_new_one(loop: VirtualTimeLoop) -> None:
    half_open, early, late = HalfOpen(10, 5), Connection(), Connection()
    call(loop, half_open.add, early)
    loop.advance(3)
    call(loop, half_open.add, late)
    loop.advance(3)
    assert (early.cuts, late.cuts) == (1, 0)
    call(loop, half_open.add, late)
    loop.advance(4)
    assert late.cuts == 0
    loop.advance(2)
    assert late.cuts == 1


def test_of_too_many_the_oldest_is_cut_and_the_newcomer_stays(loop: VirtualTimeLoop) -> None:
    half_open = HalfOpen(3, 5)
    connections = [Connection() for _ in range(10)]
    call(loop, half_open.add, *connections)
    assert [connection.cuts for connection in connections] == [1] * 7 + [0] * 3
    assert len(half_open) == 3


def test_a_flood_is_one_line_a_minute_for_each_option(
    loop: VirtualTimeLoop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    half_open = HalfOpen(3, 5)
    for _ in range(30):
        call(loop, half_open.add, *(Connection() for _ in range(10)))
        loop.advance(1)
    assert caplog.messages == ["connections cut that had sent no whole request: 7 (server.max_handshakes)"]
    loop.advance(120)
    assert caplog.messages[1:] == [
        "connections cut that had sent no whole request: 290 (server.max_handshakes)",
        "connections cut that had sent no whole request: 3 (server.handshake_timeout)",
    ]


def test_after_everybody_was_served_the_next_is_watched_again(loop: VirtualTimeLoop) -> None:
    half_open, connection = HalfOpen(10, 5), Connection()
    call(loop, half_open.add, connection)
    call(loop, half_open.discard, connection)
    loop.advance(10)

    call(loop, half_open.add, connection)
    loop.advance(10)
    assert connection.cuts == 1
