"""How requests of the same moment are gathered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hubbub.plugins.history.group import Group
from hubbub.plugins.history.store import Conflict, StoreUnavailable

from .conftest import Run


class Work:
    """Does what it is given once it is let to, and remembers it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, batch: list[str]) -> Sequence[str | Exception]:
        self.batches.append(batch)
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        return [Conflict(each) if each == "bad" else each.upper() for each in batch]


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_comes_while_something_is_done_is_done_together_afterwards(run: Run) -> None:
    async def check() -> None:
        work = Work()
        group = Group[str, str](work)
        first = [asyncio.ensure_future(group.submit(each)) for each in "ab"]
        await turn()
        then = [asyncio.ensure_future(group.submit(each)) for each in "cde"]
        await turn()
        assert work.batches == [["a", "b"]]
        work.may_go_on.set()
        assert await asyncio.gather(*first, *then) == ["A", "B", "C", "D", "E"]
        assert work.batches == [["a", "b"], ["c", "d", "e"]]
        assert await group.submit("f") == "F"

    run(check())


def test_an_error_of_one_is_raised_to_that_one_alone(run: Run) -> None:
    async def check() -> None:
        work = Work()
        work.may_go_on.set()
        group = Group[str, str](work)
        good, bad = await asyncio.gather(group.submit("good"), group.submit("bad"), return_exceptions=True)
        assert good == "GOOD"
        assert isinstance(bad, Conflict)

    run(check())


def test_an_error_of_the_work_is_raised_to_all_each_with_one_of_its_own(run: Run) -> None:
    async def check() -> None:
        work = Work()
        work.may_go_on.set()
        work.error = StoreUnavailable("the disk is full")
        group = Group[str, str](work)
        errors = await asyncio.gather(group.submit("a"), group.submit("b"), return_exceptions=True)
        assert [str(error) for error in errors] == ["the disk is full"] * 2
        assert errors[0] is not errors[1]
        work.error = None
        assert await group.submit("c") == "C"

    run(check())


def test_what_is_cancelled_before_its_turn_is_not_done(run: Run) -> None:
    async def check() -> None:
        work = Work()
        group = Group[str, str](work)
        first, second, third = (asyncio.ensure_future(group.submit(each)) for each in "abc")
        await asyncio.sleep(0)
        second.cancel()
        await turn()
        third.cancel()  # It is being done.
        work.may_go_on.set()
        assert await first == "A"
        assert work.batches == [["a", "c"]]
        assert await group.submit("d") == "D"

    run(check())


def test_more_than_may_wait_is_refused_at_once_until_there_is_room_again(run: Run) -> None:
    async def check() -> None:
        work = Work()
        group = Group[str, str](work, most_waiting=2048)
        waiting = [asyncio.ensure_future(group.submit("a", 1024)) for _ in range(2)]
        await turn()
        with pytest.raises(StoreUnavailable, match="More than 2 KiB wait for the history store"):
            await group.submit("b", 1)
        work.may_go_on.set()
        await asyncio.gather(*waiting)
        assert await group.submit("b", 5000) == "B"  # What is large by itself has to be let through.

    run(check())


def test_closing_finishes_what_waits(run: Run) -> None:
    async def check() -> None:
        work = Work()
        group = Group[str, str](work)
        waiting = asyncio.ensure_future(group.submit("a"))
        await turn()
        closing = asyncio.ensure_future(group.close())
        await turn()
        assert not closing.done()
        with pytest.raises(StoreUnavailable, match="stopped"):
            await group.submit("b")
        work.may_go_on.set()
        await closing
        assert await waiting == "A"

    run(check())
