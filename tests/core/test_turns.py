from collections.abc import Iterator
from functools import partial

import pytest
from hubbub.core.turns import Turns
from hubbub.core.virtual_time import VirtualTimeLoop


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    loop = VirtualTimeLoop()
    yield loop
    loop.close()


class Calls:
    """Says of each call in which turn of the loop it was made."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.made: list[tuple[str, int]] = []
        self._loop = loop
        self._turn = 0
        self._tick()

    def _tick(self) -> None:
        if self._turn < 20:
            self._turn += 1
            self._loop.call_soon(self._tick)

    def make(self, name: str) -> None:
        self.made.append((name, self._turn))

    @property
    def by_turn(self) -> list[list[str]]:
        """The names of those made together, in the order of the turns."""
        turns = sorted({turn for _, turn in self.made})
        return [[name for name, made_in in self.made if made_in == turn] for turn in turns]


def run(loop: VirtualTimeLoop, turns: Turns, calls: Calls, names: str) -> list[bool]:
    made: list[bool] = []
    loop.call_soon(lambda: made.extend(turns.run(partial(calls.make, name)) for name in names))
    loop.settle()
    return made


def test_what_a_turn_has_no_room_for_is_called_in_the_next_ones_in_order(loop: VirtualTimeLoop) -> None:
    turns, calls = Turns(2), Calls(loop)
    assert run(loop, turns, calls, "abcde") == [True, True, False, False, False]
    assert calls.by_turn == [["a", "b"], ["c", "d"], ["e"]]


def test_who_comes_while_others_wait_is_called_after_them(loop: VirtualTimeLoop) -> None:
    turns, calls = Turns(1), Calls(loop)

    def a() -> None:
        calls.make("a")
        loop.call_soon(turns.run, partial(calls.make, "late"))

    def first() -> None:
        turns.run(a)
        turns.run(partial(calls.make, "b"))
        turns.run(partial(calls.make, "c"))

    loop.call_soon(first)
    loop.settle()
    assert calls.by_turn == [["a"], ["b"], ["c"], ["late"]]


def test_each_turn_has_room_again(loop: VirtualTimeLoop) -> None:
    turns, calls = Turns(2), Calls(loop)
    assert run(loop, turns, calls, "abc") == [True, True, False]
    assert run(loop, turns, calls, "de") == [True, True]


def test_a_call_that_fails_is_nothing_to_the_others(loop: VirtualTimeLoop) -> None:
    turns, calls, failures = Turns(1), Calls(loop), list[object]()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ValueError("broken")

    def all_at_once() -> None:
        turns.run(partial(calls.make, "a"))
        turns.run(fail)
        turns.run(partial(calls.make, "b"))

    loop.call_soon(all_at_once)
    loop.settle()
    assert [name for name, _ in calls.made] == ["a", "b"]
    assert list(map(str, failures)) == ["broken"]
