"""The judgement of a crowd: it finds each thing that must not be."""

from __future__ import annotations

import pytest

from .chaos.crowd import Crowd, Size
from .chaos.judgement import Judgement, judge
from .chaos.seat import BREAK, Seat


class Told:
    """Three clients in one room, who were told the same, but for what a test changes."""

    def __init__(self, *, has_history: bool) -> None:
        self._crowd = Crowd("crowd", Size(3, 1, 1), has_history=has_history)
        (seats,) = self._crowd.seats.values()
        self.one, self.two, self.three = seats
        for seat in seats:
            seat.first = 0
            seat.heard = [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
        self.one.acknowledged = {"a": 1, "b": 2, "d": 4}

    def judge(self) -> Judgement:
        return judge(self._crowd)


@pytest.fixture
def recorded() -> Told:
    return Told(has_history=True)


@pytest.fixture
def unrecorded() -> Told:
    return Told(has_history=False)


def drop(seat: Seat, *contents: str) -> None:
    seat.heard = [each for each in seat.heard if each[1] not in contents]


def test_what_is_as_it_should_be_has_no_faults(recorded: Told, unrecorded: Told) -> None:
    for told in (recorded, unrecorded):
        judgement = told.judge()
        assert (judgement.faults, judgement.acknowledged, judgement.deliveries) == ([], 3, 12)


def test_what_was_acknowledged_and_is_not_there_is_lost(recorded: Told, unrecorded: Told) -> None:
    recorded.one.acknowledged["e"] = 5
    assert recorded.judge().lost == ["e"]
    unrecorded.one.acknowledged["e"] = 0
    assert len(unrecorded.judge().lost) == 1


def test_what_is_there_under_another_number_than_the_ack_said_is_lost(recorded: Told) -> None:
    recorded.one.acknowledged["b"] = 3
    assert recorded.judge().lost == ["b"]


def test_what_one_client_did_not_get_is_found(recorded: Told, unrecorded: Told) -> None:
    drop(recorded.two, "b")
    assert len(recorded.judge().disordered) == 1
    for missing in ("a", "b", "d"):
        told = Told(has_history=False)
        drop(told.two, missing)
        assert len(told.judge().lost) == 1, missing
    drop(unrecorded.two, "c")  # It was not acknowledged.
    assert unrecorded.judge().faults == []


def test_without_history_what_is_missing_where_that_was_told_is_counted_and_no_fault(unrecorded: Told) -> None:
    unrecorded.two.heard[1:3] = [(BREAK, "gap")]
    judgement = unrecorded.judge()
    assert (judgement.faults, judgement.told_missing) == ([], 1)


def test_a_gap_excuses_nothing_that_is_missing_elsewhere(unrecorded: Told) -> None:
    unrecorded.two.heard = [(1, "a"), (BREAK, "gap"), (2, "b"), (3, "c")]
    assert len(unrecorded.judge().lost) == 1


def test_what_comes_twice_is_found(recorded: Told, unrecorded: Told) -> None:
    for seat in (recorded.one, recorded.two, recorded.three):
        seat.heard.append((5, "a"))
    assert recorded.judge().doubled == ["a"]
    unrecorded.three.heard.append((5, "a"))
    assert len(unrecorded.judge().doubled) == 1


def test_another_order_is_found(recorded: Told, unrecorded: Told) -> None:
    for told in (recorded, unrecorded):
        told.three.heard[1:3] = [(2, "c"), (3, "b")]
        assert len(told.judge().disordered) == 1


def test_what_comes_though_nothing_was_published_is_found(unrecorded: Told) -> None:
    unrecorded.two.refused["c"] = "The broker is away; nothing was published."
    assert len(unrecorded.judge().complaints) == 3
