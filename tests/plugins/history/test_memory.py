"""The store in memory: how much of it it takes."""

from __future__ import annotations

from hubbub.plugins.history.memory import EVENT_SIZE, KEY_SIZE, ROOM_SIZE, MemoryStore
from hubbub.plugins.history.store import Retention

from .conftest import Run
from .filling import KEEP_ALL, NOW, fill, stored


async def append(store: MemoryStore, room: str, event: bytes, key: str | None = None, time: float = NOW) -> None:
    await store.append_next(room, event, key=key, time=time, retention=Retention(1000, key_seconds=60))


def test_no_more_events_are_kept_than_the_retention_says_at_any_moment(run: Run) -> None:
    store = MemoryStore()
    run(fill(store, "lobby", 30, retention=Retention(count=10)))
    assert run(store.read("lobby", 0, 100)) == stored(*range(21, 31))


def test_the_room_that_was_quiet_for_longest_is_forgotten_where_memory_is_full(run: Run) -> None:
    store = MemoryStore(max_bytes=3 * (ROOM_SIZE + EVENT_SIZE + 1000))
    epochs: dict[str, str] = {}
    for room in ("a", "b", "c"):
        run(append(store, room, bytes(1000)))
        epochs[room] = run(store.open(room, now=NOW)).epoch
    run(append(store, "a", b""))
    assert [run(store.open(room, now=NOW)).epoch for room in "ac"] == [epochs["a"], epochs["c"]]
    again = run(store.open("b", now=NOW))
    assert again.last == 0
    assert again.epoch != epochs["b"]


def test_a_single_room_that_fills_the_memory_keeps_its_newest_events(run: Run) -> None:
    store = MemoryStore(max_bytes=ROOM_SIZE + 10 * (EVENT_SIZE + 1000))
    for _ in range(30):
        run(append(store, "lobby", bytes(1000)))
    position = run(store.open("lobby", now=NOW))
    assert (position.first, position.last) == (21, 30)


def test_rooms_in_which_nothing_is_said_fill_the_memory_as_well(run: Run) -> None:
    store = MemoryStore(max_bytes=10 * ROOM_SIZE)
    for number in range(100):
        run(store.open(f"room-{number}", now=NOW))

    async def names() -> list[str]:
        return [room async for room in store.rooms()]

    assert run(names()) == [f"room-{number}" for number in range(90, 100)]


def test_what_is_removed_makes_space_again(run: Run) -> None:
    """One room at a time fits beside an empty one, which would be the first to be forgotten."""
    store = MemoryStore(max_bytes=2 * ROOM_SIZE + 10 * (EVENT_SIZE + KEY_SIZE + 10))
    empty = run(store.open("empty", now=NOW))
    for turn in range(20):
        run(store.restore(f"room-{turn}", "e", 0, now=NOW))
        for number in range(10):
            run(append(store, f"room-{turn}", bytes(10), f"alice {number}", NOW + 60 * turn))
        if turn % 3 == 0:
            run(store.forget(f"room-{turn}"))
        else:
            run(store.remove(f"room-{turn}", 5 if turn % 3 == 1 else 0))
            retention = Retention(0, room_seconds=0)
            run(store.trim({"empty": KEEP_ALL, f"room-{turn}": retention}.__getitem__, now=NOW + 60 * turn + 60))
        assert run(store.open("empty", now=NOW)) == empty


def test_keys_are_forgotten_as_new_ones_come(run: Run) -> None:
    store = MemoryStore(max_bytes=ROOM_SIZE + 20 * KEY_SIZE + 100 * EVENT_SIZE)
    for second in range(0, 6000, 6):
        run(
            store.append_next(
                "lobby", b"", key=str(second), time=NOW + second, retention=Retention(90, key_seconds=60)
            )
        )
    assert run(store.open("lobby", now=NOW)).first == 1000 - 90 + 1
    assert run(store.find_key("lobby", "5940", now=NOW + 5994)) == 991
    assert run(store.find_key("lobby", "5934", now=NOW + 5994)) is None
