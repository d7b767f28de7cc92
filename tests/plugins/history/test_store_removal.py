"""What every store promises of removing events and rooms."""

from __future__ import annotations

import asyncio

import pytest
from hubbub.plugins.history.store import Appended, Conflict, Position, Retention, Store

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored


async def names(store: Store) -> list[str]:
    return sorted([room async for room in store.rooms()])


def test_events_are_removed_up_to_a_number_and_the_others_keep_theirs(store: Store, run: Run) -> None:
    epoch = run(fill(store, "lobby", 5)).epoch
    assert run(store.remove("lobby", 3)) == 3
    assert run(store.open("lobby", now=NOW)) == Position(epoch, 4, 5)
    assert run(store.read("lobby", 0, 10)) == stored(4, 5)
    assert run(store.read_back("lobby", 5, 10)) == stored(4)
    assert run(store.remove("lobby", 3)) == 0


def test_a_room_of_which_everything_was_removed_goes_on_with_the_next_number(store: Store, run: Run) -> None:
    epoch = run(fill(store, "lobby", 3, keys=[None, None, "alice 1"])).epoch
    assert run(store.remove("lobby", 99)) == 3
    assert run(store.open("lobby", now=NOW)) == Position(epoch, 4, 3)
    assert run(store.read("lobby", 0, 10)) == []
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 3
    assert run(fill(store, "lobby", 1)) == Position(epoch, 4, 4)
    assert run(store.read("lobby", 0, 10)) == stored(4)


def test_more_events_than_are_removed_in_one_slice_are_removed(store: Store, run: Run) -> None:
    run(fill(store, "lobby", 2500))
    assert run(store.remove("lobby", 2490)) == 2490
    assert run(store.read("lobby", 0, 100)) == stored(*range(2491, 2501))


def test_the_newest_events_are_kept_as_many_as_the_retention_of_the_room_says(store: Store, run: Run) -> None:
    for room, count in (("small", 3), ("large", 3200), ("other", 4)):
        run(fill(store, room, count))
    keep = {"small": 5, "large": 20, "other": 4}
    assert run(store.trim(lambda room: Retention(count=keep[room]), now=NOW)) == 3180
    assert run(store.read("large", 0, 100)) == stored(*range(3181, 3201))
    assert run(store.open("large", now=NOW)).first == 3181
    assert run(store.read("small", 0, 10)) == stored(1, 2, 3)
    assert run(store.read("other", 0, 10)) == stored(1, 2, 3, 4)
    assert run(store.trim(lambda room: Retention(count=keep[room]), now=NOW)) == 0


def test_events_of_a_room_of_which_nothing_is_to_be_kept_are_removed(store: Store, run: Run) -> None:
    epoch = run(fill(store, "lobby", 3)).epoch
    assert run(store.trim(lambda _: Retention(count=0), now=NOW)) == 3
    assert run(store.open("lobby", now=NOW)) == Position(epoch, 4, 3)


def test_events_are_kept_for_as_long_as_the_retention_says(store: Store, run: Run) -> None:
    for minute in range(4):
        run(fill(store, "lobby", 700, time=NOW + 60 * minute))
    retention = Retention(count=10_000, seconds=100)
    assert run(store.trim(lambda _: retention, now=NOW + 99)) == 0
    assert run(store.trim(lambda _: retention, now=NOW + 220)) == 2100
    assert run(store.read("lobby", 0, 1)) == stored(2101)
    assert run(store.trim(lambda _: retention, now=NOW + 1000)) == 700


def test_where_a_clock_went_backwards_no_hole_comes_between_events(store: Store, run: Run) -> None:
    for time in (NOW, NOW - 500, NOW + 1):
        run(fill(store, "lobby", 2, time=time))
    retention = Retention(count=10, seconds=100)
    assert run(store.trim(lambda _: retention, now=NOW)) == 0
    assert run(store.trim(lambda _: retention, now=NOW + 100)) == 4
    assert run(store.read("lobby", 0, 10)) == stored(5, 6)


def test_appends_go_on_while_much_is_removed(store: Store, run: Run) -> None:
    async def trim_meanwhile() -> tuple[int, int]:
        await fill(store, "large", 20_000)
        position = await store.open("lobby", now=NOW)
        trimming = asyncio.create_task(store.trim(lambda _: Retention(count=100), now=NOW))
        appended = 0
        while not trimming.done():
            appended += 1
            await store.append(
                "lobby", position.epoch, appended, [event(appended)], keys=[None], time=NOW, retention=KEEP_ALL
            )
            await asyncio.sleep(0)
        return appended, await trimming

    appended, removed = run(trim_meanwhile())
    assert appended >= 2  # The first was answered before the end.
    assert removed >= 19_900
    assert run(store.open("lobby", now=NOW)).last == appended


def test_a_room_without_events_is_forgotten_when_it_has_been_quiet_for_long_enough(store: Store, run: Run) -> None:
    epochs = {room: run(fill(store, room, 1)).epoch for room in ("quiet", "kept", "lasting", "loud")}
    run(fill(store, "loud", 1, time=NOW + 500))
    retentions = {
        "kept": Retention(count=10, room_seconds=1000),
        "lasting": Retention(count=0, room_seconds=None),
        "quiet": Retention(count=0, room_seconds=1000),
        "loud": Retention(count=0, room_seconds=1000),
    }
    run(store.trim(retentions.__getitem__, now=NOW + 999))
    assert run(names(store)) == ["kept", "lasting", "loud", "quiet"]
    run(store.trim(retentions.__getitem__, now=NOW + 1000))
    assert run(names(store)) == ["kept", "lasting", "loud"]
    assert run(store.open("quiet", now=NOW)).epoch != epochs["quiet"]


def test_a_forgotten_room_begins_anew_without_its_events_and_keys(store: Store, run: Run) -> None:
    old = run(fill(store, "lobby", 2500, keys=["alice 1", *[None] * 2499]))
    run(fill(store, "other", 1))
    run(store.forget("lobby"))
    run(store.forget("nowhere"))
    assert run(names(store)) == ["other"]
    new = run(store.open("lobby", now=NOW))
    assert (new.first, new.last) == (1, 0)
    assert new.epoch != old.epoch
    assert run(store.read("lobby", 0, 10)) == []
    assert run(store.find_key("lobby", "alice 1", now=NOW)) is None
    with pytest.raises(Conflict):
        run(store.append("lobby", old.epoch, 1, [b"{}"], keys=[None], time=NOW, retention=KEEP_ALL))
    duplicate = run(store.append_next("lobby", event(1), key="alice 1", time=NOW, retention=KEEP_ALL))
    assert duplicate == Appended(new.epoch, 1, is_duplicate=False)


def test_a_renewed_room_has_another_epoch_and_the_same_events(store: Store, run: Run) -> None:
    old = run(fill(store, "lobby", 3, keys=[None, None, "alice 1"]))
    run(store.remove("lobby", 1))
    new = run(store.renew("lobby", old.epoch))
    assert new.epoch != old.epoch
    assert (new.first, new.last) == (2, 3)
    assert run(store.open("lobby", now=NOW)) == new
    assert run(store.renew("lobby", old.epoch)) == new
    assert run(store.find_key("lobby", "alice 1", now=NOW)) == 3
    assert run(fill(store, "lobby", 1)).epoch == new.epoch
    with pytest.raises(Conflict):
        run(store.renew("nowhere", old.epoch))


def test_a_room_is_restored_where_it_was_elsewhere(store: Store, run: Run) -> None:
    run(store.restore("lobby", "its epoch", 41, now=NOW))
    assert run(store.open("lobby", now=NOW)) == Position("its epoch", 42, 41)
    assert run(fill(store, "lobby", 2)) == Position("its epoch", 42, 43)
    assert run(store.read("lobby", 0, 10)) == stored(42, 43)
    with pytest.raises(Conflict):
        run(store.restore("lobby", "another epoch", 7, now=NOW))
    assert run(store.open("lobby", now=NOW)).epoch == "its epoch"


def test_all_rooms_are_told(store: Store, run: Run) -> None:
    async def open_many() -> None:
        await asyncio.gather(*(store.open(f"room-{number:03}", now=NOW) for number in range(450)))

    run(open_many())
    assert run(names(store)) == [f"room-{number:03}" for number in range(450)]
