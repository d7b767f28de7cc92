"""What every store promises of appending and reading."""

from __future__ import annotations

import asyncio

import pytest
from hubbub.plugins.history.store import Appended, Conflict, Position, Retention, Store

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored


def append(store: Store, room: str, position: Position, *seqs: int) -> asyncio.Task[None]:
    """Append events with these numbers, in place or not."""
    return asyncio.ensure_future(
        store.append(
            room,
            position.epoch,
            seqs[0],
            [event(seq) for seq in seqs],
            keys=[None] * len(seqs),
            time=NOW,
            retention=KEEP_ALL,
        )
    )


def test_a_new_room_has_an_epoch_of_its_own_and_nothing_in_it(store: Store, run: Run) -> None:
    here, there = run(store.open("here", now=NOW)), run(store.open("there", now=NOW))
    assert (here.first, here.last) == (there.first, there.last) == (1, 0)
    assert here.epoch
    assert here.epoch != there.epoch


def test_a_room_that_is_opened_again_is_where_it_was(store: Store, run: Run) -> None:
    position = run(store.open("lobby", now=NOW))
    assert run(store.open("lobby", now=NOW + 9)) == position
    assert run(fill(store, "lobby", 3)) == Position(position.epoch, 1, 3)


def test_events_are_read_in_order_with_their_numbers(store: Store, run: Run) -> None:
    run(fill(store, "lobby", 3))
    run(fill(store, "lobby", 2))
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3, 4, 5)
    assert run(store.read("lobby", 3, 10)) == stored(4, 5)
    assert run(store.read("lobby", 1, 2)) == stored(2, 3)
    assert run(store.read("lobby", 5, 10)) == []


def test_events_are_read_backwards_from_the_newest_or_from_a_number(store: Store, run: Run) -> None:
    run(fill(store, "lobby", 5))
    assert run(store.read_back("lobby", None, 2)) == stored(4, 5)
    assert run(store.read_back("lobby", 4, 2)) == stored(2, 3)
    assert run(store.read_back("lobby", 3, 10)) == stored(1, 2)
    assert run(store.read_back("lobby", 9, 1)) == stored(5)
    assert run(store.read_back("lobby", 1, 10)) == []


def test_a_room_that_nobody_opened_has_nothing_and_is_not_begun_by_reading(store: Store, run: Run) -> None:
    async def names() -> list[str]:
        return [name async for name in store.rooms()]

    assert run(store.read("nowhere", 0, 10)) == run(store.read_back("nowhere", None, 10)) == []
    assert run(store.find_key("nowhere", "alice 1", now=NOW)) is None
    assert run(store.remove("nowhere", 10)) == 0
    assert run(names()) == []


def test_rooms_do_not_see_each_others_events(store: Store, run: Run) -> None:
    run(fill(store, "here", 3))
    run(fill(store, "there", 1))
    assert run(store.read("there", 0, 10)) == stored(1)


@pytest.mark.parametrize("first_seq", [2, 3, 5, 6])
def test_an_append_to_another_place_than_the_next_stores_nothing(store: Store, run: Run, first_seq: int) -> None:
    position = run(fill(store, "lobby", 3))

    async def misplaced() -> None:
        await append(store, "lobby", position, first_seq, first_seq + 1)

    with pytest.raises(Conflict, match=f"event {first_seq} of the room 'lobby' .* is at 3"):
        run(misplaced())
    assert run(store.open("lobby", now=NOW)) == position
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3)


def test_an_append_in_another_epoch_stores_nothing(store: Store, run: Run) -> None:
    position = run(fill(store, "lobby", 3))

    async def misplaced() -> None:
        await append(store, "lobby", Position("an epoch of old", 1, 3), 4)

    with pytest.raises(Conflict):
        run(misplaced())
    assert run(store.open("lobby", now=NOW)) == position


def test_an_append_to_a_room_that_is_not_known_stores_nothing(store: Store, run: Run) -> None:
    async def misplaced() -> None:
        await append(store, "nowhere", Position("an epoch", 1, 0), 1)

    with pytest.raises(Conflict, match="not known"):
        run(misplaced())
    assert run(store.open("nowhere", now=NOW)).last == 0


def test_appends_of_the_same_moment_are_all_stored(store: Store, run: Run) -> None:
    async def publish() -> None:
        positions = [await store.open(f"room-{number}", now=NOW) for number in range(50)]
        await asyncio.gather(
            *(append(store, f"room-{number}", position, 1, 2) for number, position in enumerate(positions))
        )

    run(publish())
    assert all(run(store.read(f"room-{number}", 0, 10)) == stored(1, 2) for number in range(50))


def test_appends_to_one_room_are_stored_in_the_order_in_which_they_were_made(store: Store, run: Run) -> None:
    async def publish() -> list[BaseException | None]:
        position = await store.open("lobby", now=NOW)
        seqs = [(1,), (2, 3), (5,), (4,), (5, 6)]
        made = [append(store, "lobby", position, *each) for each in seqs]
        return await asyncio.gather(*made, return_exceptions=True)

    outcomes = run(publish())
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), Conflict, type(None), type(None)]
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3, 4, 5, 6)


def test_an_append_that_nobody_waits_for_any_more_is_stored_or_not_and_hurts_no_other(
    store: Store, run: Run
) -> None:
    async def publish() -> None:
        here, there = await store.open("here", now=NOW), await store.open("there", now=NOW)
        first, second = append(store, "here", here, 1, 2), append(store, "there", there, 1)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait((first, second))
        assert second.result() is None

    run(publish())
    assert run(store.read("here", 0, 10)) in ([], stored(1, 2))
    assert run(store.read("there", 0, 10)) == stored(1)


def test_an_event_comes_back_byte_for_byte(store: Store, run: Run) -> None:
    events = [b"", b"\0\xff\r\n", '{"content":"héllo 👋"}'.encode(), bytes(range(256)) * 1024]

    async def publish() -> None:
        position = await store.open("lobby", now=NOW)
        await store.append("lobby", position.epoch, 1, events, keys=[None] * 4, time=NOW, retention=KEEP_ALL)

    run(publish())
    assert [each.event for each in run(store.read("lobby", 0, 10))] == events


def test_a_key_is_known_in_its_room_for_as_long_as_the_retention_says(store: Store, run: Run) -> None:
    retention = Retention(count=10, key_seconds=60)
    run(fill(store, "lobby", 3, keys=["alice 1", None, "bob 1"], retention=retention))
    assert run(store.find_key("lobby", "alice 1", now=NOW + 59)) == 1
    assert run(store.find_key("lobby", "bob 1", now=NOW + 59)) == 3
    assert run(store.find_key("lobby", "bob 1", now=NOW + 60)) is None
    assert run(store.find_key("lobby", "bob 2", now=NOW)) is None
    assert run(store.find_key("elsewhere", "bob 1", now=NOW)) is None


def test_a_key_that_comes_again_stands_for_the_newer_event(store: Store, run: Run) -> None:
    retention = Retention(count=10, key_seconds=60)
    run(fill(store, "lobby", 1, keys=["alice 1"], retention=retention))
    run(fill(store, "lobby", 2, keys=[None, "alice 1"], time=NOW + 90, retention=retention))
    assert run(store.find_key("lobby", "alice 1", now=NOW + 149)) == 3


def test_a_key_that_comes_twice_in_one_append_stands_for_the_newer_event(store: Store, run: Run) -> None:
    run(fill(store, "lobby", 2, keys=["alice 1", "alice 1"]))
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 2


def append_next(store: Store, number: int, key: str | None = None, *, time: float = NOW) -> asyncio.Task[Appended]:
    return asyncio.ensure_future(
        store.append_next("lobby", event(number), key=key, time=time, retention=Retention(100, key_seconds=60))
    )


def test_the_next_number_is_given_by_the_store_which_begins_the_room(store: Store, run: Run) -> None:
    async def publish() -> list[Appended]:
        return list(await asyncio.gather(*(append_next(store, number) for number in (1, 2, 3))))

    outcomes = run(publish())
    epoch = run(store.open("lobby", now=NOW)).epoch
    assert outcomes == [Appended(epoch, seq, is_duplicate=False) for seq in (1, 2, 3)]
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3)


def test_the_same_key_is_stored_once_also_where_it_comes_twice_in_the_same_moment(store: Store, run: Run) -> None:
    async def publish() -> list[tuple[int, bool]]:
        made = [append_next(store, 1, "alice 1"), append_next(store, 1, "alice 1"), append_next(store, 2, "bob 1")]
        made += [append_next(store, 3)]
        outcomes = [await each for each in made] + [await append_next(store, 1, "alice 1", time=NOW + 59)]
        return [(outcome.seq, outcome.is_duplicate) for outcome in outcomes]

    assert run(publish()) == [(1, False), (1, True), (2, False), (3, False), (1, True)]
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3)


def test_a_key_that_is_no_longer_known_is_stored_again(store: Store, run: Run) -> None:
    async def publish() -> Appended:
        await append_next(store, 1, "alice 1")
        return await append_next(store, 2, "alice 1", time=NOW + 60)

    assert run(publish())[1:3] == (2, False)
    assert run(store.find_key("lobby", "alice 1", now=NOW + 61)) == 2


def test_both_ways_to_append_go_on_where_the_other_was(store: Store, run: Run) -> None:
    async def publish() -> int:
        await fill(store, "lobby", 2, keys=[None, "alice 1"])
        assert (await append_next(store, 3, "alice 1")).is_duplicate
        await append_next(store, 3, "alice 2")
        return (await fill(store, "lobby", 1)).last

    assert run(publish()) == 4
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3, 4)


NAMES = [
    "a{b}c",
    "}{",
    "{}",
    "*",
    "a:events",
    "%7B",
    "50%",
    "überall",
    "👋",
    "private alice",
    "'; DROP TABLE x",
    "\\",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_room_may_have_any_name_and_is_no_other_room(store: Store, run: Run, name: str) -> None:
    async def names() -> list[str]:
        return sorted([room async for room in store.rooms()])

    run(fill(store, "b", 1))
    run(fill(store, name, 2, keys=["alice 1", None]))
    assert run(store.read(name, 0, 10)) == stored(1, 2)
    assert run(store.read("b", 0, 10)) == stored(1)
    assert run(store.find_key(name, "alice 1", now=NOW)) == 1
    assert run(names()) == sorted(["b", name])
    run(store.forget(name))
    assert run(names()) == ["b"]


@pytest.mark.parametrize("key", ["", "\0", "a\nb", "\ud800", "{room}:events", "👋" * 64])
def test_a_key_may_be_any_text(store: Store, run: Run, key: str) -> None:
    run(fill(store, "lobby", 2, keys=[None, key]))
    assert run(store.find_key("lobby", key, now=NOW)) == 2
    assert run(store.find_key("lobby", key + "x", now=NOW)) is None


@pytest.mark.parametrize(("room", "events", "keys"), [("lobby", 0, 0), ("lobby", 2, 1), ("lob\0by", 1, 1)])
def test_an_append_that_makes_no_sense_is_the_callers_mistake(
    store: Store, run: Run, room: str, events: int, keys: int
) -> None:
    with pytest.raises(ValueError, match=r"keys to append|visible characters"):
        run(store.append(room, "e", 1, [b"{}"] * events, keys=[None] * keys, time=NOW, retention=KEEP_ALL))


def test_a_store_that_works_says_so(store: Store, run: Run) -> None:
    run(store.check())
