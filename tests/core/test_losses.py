"""How dropped events are told: by number where they have one, in as few gaps as that takes."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from hubbub.core.losses import MOST_RUNS, Losses
from hubbub.protocol import Ack, Encoded, Event, Message, System
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def message(seq: int | None, room: str = "lobby") -> Encoded:
    return Encoded(Message(room=room, content="hi", seq=seq))


def told(losses: Losses) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", msgspec.json.decode(gap.json)) for gap in losses.gaps()]


def lost(*events: Encoded) -> Losses:
    losses = Losses()
    for event in events:
        losses.add(event)
    return losses


def test_numbers_without_a_hole_are_one_gap() -> None:
    (gap,) = told(lost(message(5), message(6), message(7)))
    assert gap == {"type": "gap", "room": "lobby", "reason": "too slow", "from": 5, "to": 7, "lost": 3}


def test_numbers_with_a_hole_are_two_gaps_in_the_order_of_numbers() -> None:
    gaps = told(lost(message(9), message(5), message(6), message(8)))
    assert [(gap["from"], gap["to"], gap["lost"]) for gap in gaps] == [(5, 6, 2), (8, 9, 2)]


def test_a_number_that_fills_the_hole_makes_one_of_two() -> None:
    (gap,) = told(lost(message(5), message(7), message(6)))
    assert (gap["from"], gap["to"], gap["lost"]) == (5, 7, 3)


def test_each_room_has_gaps_of_its_own() -> None:
    gaps = told(lost(message(5), message(6, "garden")))
    assert [(gap["room"], gap["from"]) for gap in gaps] == [("lobby", 5), ("garden", 6)]


def test_events_without_a_number_are_counted_apart() -> None:
    def news(seq: int | None) -> Event:
        return System(event="joined", message="", timestamp=NOW, room="lobby", seq=seq)

    ack = Ack(id="1", timestamp=NOW, room="lobby", seq=7)
    numbered, counted = told(lost(message(5), message(None), Encoded(news(6)), Encoded(ack)))
    assert (numbered["from"], numbered["to"], numbered["lost"]) == (5, 5, 1)
    assert counted == {"type": "gap", "room": "lobby", "reason": "too slow", "lost": 3}


def test_what_two_places_have_lost_is_told_together() -> None:
    losses = lost(message(5), message(None))
    losses.add_all(lost(message(6), message(8), message(None), message(1, "garden")))
    assert [(gap["room"], gap.get("from"), gap["lost"]) for gap in told(losses)] == [
        ("lobby", 5, 2),
        ("lobby", 8, 1),
        ("garden", 1, 1),
        ("lobby", None, 2),
    ]


@given(st.lists(st.integers(1, 200), unique=True, min_size=1))
def test_gaps_are_few_and_hold_every_number_that_was_lost(numbers: list[int]) -> None:
    gaps = told(lost(*map(message, numbers)))
    assert len(gaps) <= MOST_RUNS
    assert sum(gap["lost"] for gap in gaps) == len(numbers)
    assert [gap["from"] for gap in gaps] == sorted(gap["from"] for gap in gaps)
    covered = [number for gap in gaps for number in range(gap["from"], gap["to"] + 1)]
    assert len(covered) == len(set(covered))
    assert set(numbers) <= set(covered)
    runs = sum(number - 1 not in numbers for number in numbers)
    assert (set(covered) == set(numbers)) == (runs <= MOST_RUNS)
