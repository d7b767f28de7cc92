import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from hubbub.core.virtual_time import VirtualTimeLoop


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    loop = VirtualTimeLoop()
    yield loop
    loop.close()


def test_time_goes_by_only_when_it_is_told_to(loop: VirtualTimeLoop) -> None:
    begun = loop.time()
    loop.settle()
    assert loop.time() == begun
    loop.advance(3600)
    assert loop.time() == begun + 3600


def test_an_hour_takes_no_time(loop: VirtualTimeLoop) -> None:
    async def sleeps() -> None:
        for _ in range(60):
            await asyncio.sleep(60)

    task = loop.create_task(sleeps())
    begun = time.monotonic()
    loop.advance(3599)
    assert not task.done()
    loop.advance(1)
    assert task.done()
    assert time.monotonic() - begun < 30


def test_timers_run_in_their_order_and_at_their_time(loop: VirtualTimeLoop) -> None:
    begun, calls = loop.time(), list[tuple[str, float]]()

    def note(name: str) -> None:
        calls.append((name, loop.time() - begun))
        if name == "b":
            loop.call_later(1, note, "b again")

    for name, delay in (("c", 3), ("a", 1), ("b", 1.5), ("never", 10)):
        loop.call_later(delay, note, name)
    loop.advance(1)
    assert calls == [("a", 1)]
    loop.advance(4)
    assert [(name, round(at, 6)) for name, at in calls] == [("a", 1), ("b", 1.5), ("b again", 2.5), ("c", 3)]
    assert loop.time() == begun + 5


def test_settling_runs_everything_that_needs_no_timer(loop: VirtualTimeLoop) -> None:
    steps: list[int] = []

    async def steps_on() -> None:
        for number in range(100):
            await asyncio.sleep(0)
            steps.append(number)
        await asyncio.sleep(0.001)
        steps.append(-1)

    task = loop.create_task(steps_on())
    loop.settle()
    assert steps == list(range(100))
    loop.advance(1)
    assert steps[-1] == -1
    assert task.done()


def test_time_stands_still_while_a_thread_works(loop: VirtualTimeLoop) -> None:
    begun, may_end = loop.time(), threading.Event()
    ended_at: list[float] = []

    async def works() -> None:
        await asyncio.to_thread(may_end.wait, 30)
        ended_at.append(loop.time())

    task = loop.create_task(works())
    timer = loop.call_later(1, lambda: None)
    threading.Timer(0.05, may_end.set).start()
    loop.advance(3600)
    assert task.done()
    assert ended_at == [begun]
    assert loop.time() >= begun + 3600
    assert timer.when() < loop.time()
