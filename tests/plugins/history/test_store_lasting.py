"""What every store that is more than memory promises: its data outlives it, and several servers may share it."""

from __future__ import annotations

import asyncio

import pytest
from hubbub.plugins.history.store import Appended, Conflict, Position, Store, StoreUnavailable

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored
from .new_stores import NewStore


def append(store: Store, position: Position, seq: int) -> asyncio.Task[None]:
    return asyncio.ensure_future(
        store.append("lobby", position.epoch, seq, [event(seq)], keys=[None], time=NOW, retention=KEEP_ALL)
    )


def test_what_was_stored_is_there_after_a_restart_in_the_same_epoch(new_lasting_store: NewStore, run: Run) -> None:
    first, second = new_lasting_store(), new_lasting_store()
    run(first.start())
    position = run(fill(first, "lobby", 3, keys=[None, "alice 1", None]))
    run(first.stop())
    run(second.start())
    assert run(second.open("lobby", now=NOW)) == position
    assert run(second.read("lobby", 0, 10)) == stored(1, 2, 3)
    assert run(second.find_key("lobby", "alice 1", now=NOW)) == 2
    run(second.stop())


def test_stopping_stores_what_waits_and_takes_no_more(new_lasting_store: NewStore, run: Run) -> None:
    first, second = new_lasting_store(), new_lasting_store()

    async def stop_meanwhile() -> None:
        await first.start()
        position = await first.open("lobby", now=NOW)
        made = [append(first, position, seq) for seq in (1, 2, 3)]
        await asyncio.sleep(0)
        await first.stop()
        await asyncio.gather(*made)
        with pytest.raises(StoreUnavailable, match="stopped"):
            await append(first, position, 4)

    run(stop_meanwhile())
    run(second.start())
    assert run(second.read("lobby", 0, 10)) == stored(1, 2, 3)
    run(second.stop())


def test_two_servers_at_one_store_never_give_the_same_number(new_lasting_store: NewStore, run: Run) -> None:
    """Each appends where it thinks the room stands; who was too late opens it again, and finds what it missed."""
    stores = [new_lasting_store(), new_lasting_store()]

    async def publish(store: Store, server: int) -> list[int]:
        mine: list[int] = []
        position = await store.open("lobby", now=NOW)
        while len(mine) < 30:
            seq = position.last + 1
            try:
                await store.append(
                    "lobby", position.epoch, seq, [b"%d" % server], keys=[None], time=NOW, retention=KEEP_ALL
                )
            except Conflict:
                position = await store.open("lobby", now=NOW)
                continue
            mine.append(seq)
            position = position._replace(last=seq)
        return mine

    async def publish_both() -> list[list[int]]:
        for store in stores:
            await store.start()
        return list(await asyncio.gather(publish(stores[0], 0), publish(stores[1], 1)))

    published = run(publish_both())
    assert sorted([*published[0], *published[1]]) == list(range(1, 61))
    for store in stores:
        read = run(store.read("lobby", 0, 100))
        assert [each.seq for each in read] == list(range(1, 61))
        assert [each.seq for each in read if each.event == b"1"] == published[1]
        run(store.stop())


def test_two_servers_at_one_store_take_the_next_numbers_without_a_hole(
    new_lasting_store: NewStore, run: Run
) -> None:
    stores = [new_lasting_store(), new_lasting_store()]

    async def publish() -> list[Appended]:
        for store in stores:
            await store.start()
        publications = [
            (store, room, key) for key in range(40) for store in stores for room in ("lobby", "zoo", "attic")
        ]
        return list(
            await asyncio.gather(
                *(
                    store.append_next(room, event(0), key=f"alice {key}", time=NOW, retention=KEEP_ALL)
                    for store, room, key in publications
                )
            )
        )

    outcomes = run(publish())
    assert sum(outcome.is_duplicate for outcome in outcomes) == 120
    for room in ("lobby", "zoo", "attic"):
        assert [each.seq for each in run(stores[0].read(room, 0, 100))] == list(range(1, 41))
    for store in stores:
        run(store.stop())
