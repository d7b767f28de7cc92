"""Any sequence of calls, on each store that needs no server, against a model of what it promises."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Conflict, Retention, Store, Stored
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

T = TypeVar("T")

KEY_SECONDS = 60.0

rooms = st.sampled_from(["lobby", "zoo", "private alice"])
keys = st.none() | st.sampled_from(["a", "b", "c"])
few = st.integers(0, 6)


class Room:
    """What a room is promised to be."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.last = 0
        self.time = 0.0
        self.events: dict[int, tuple[float, bytes]] = {}
        self.removed = 0
        """Up to which number events are gone for certain."""
        self.kept = 1
        """From which number on events are there for certain."""
        self.keys: dict[str, tuple[int, float]] = {}

    def append(self, events: list[tuple[bytes, str | None]], now: float, count: int) -> None:
        for event, key in events:
            self.last += 1
            self.events[self.last] = (now, event)
            if key is not None:
                self.keys[key] = (self.last, now + KEY_SECONDS)
        self.time = now
        self.kept = max(self.kept, self.last - count + 1)

    def find_key(self, key: str | None, now: float) -> int | None:
        seq, expires = self.keys.get(key or "", (None, now))
        return seq if expires > now else None


class StoreMachine(RuleBasedStateMachine):
    """Makes calls, and asks after each whether the store is as the model."""

    def new_store(self) -> Store:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.folder = Path(tempfile.mkdtemp())
        self.store = self.new_store()
        self.run(self.store.start())
        self.rooms: dict[str, Room] = {}
        self.epochs: set[str] = set()
        self.now = 1_000_000.0
        self.number = 0

    def teardown(self) -> None:
        self.run(self.store.stop())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def begin(self, name: str, epoch: str) -> Room:
        assert epoch not in self.epochs
        self.epochs.add(epoch)
        room = self.rooms[name] = Room(epoch)
        return room

    def new_event(self) -> bytes:
        self.number += 1
        return b"%d" % self.number

    @rule(name=rooms)
    def open(self, name: str) -> None:
        epoch = self.run(self.store.open(name, now=self.now)).epoch
        room = self.rooms.get(name)
        if room is None:
            room = self.begin(name, epoch)
            room.time = self.now
        assert room.epoch == epoch

    @rule(
        name=rooms,
        new_keys=st.lists(keys, min_size=1, max_size=4),
        misplaced=st.sampled_from([0] * 8 + [-1, 1]),
        is_old=st.sampled_from([False] * 8 + [True]),
        count=st.integers(1, 6),
    )
    def append(self, name: str, new_keys: list[str | None], misplaced: int, is_old: bool, count: int) -> None:
        room = self.rooms.get(name)
        events = [self.new_event() for _ in new_keys]
        epoch, last = (room.epoch, room.last) if room is not None else ("none", 0)
        append = self.store.append(
            name,
            "of old" if is_old else epoch,
            last + 1 + misplaced,
            events,
            keys=new_keys,
            time=self.now,
            retention=Retention(count, key_seconds=KEY_SECONDS),
        )
        if room is None or misplaced or is_old:
            with pytest.raises(Conflict):
                self.run(append)
        else:
            self.run(append)
            room.append(list(zip(events, new_keys, strict=True)), self.now, count)

    @rule(name=rooms, key=keys, count=st.integers(1, 6))
    def append_next(self, name: str, key: str | None, count: int) -> None:
        event = self.new_event()
        retention = Retention(count, key_seconds=KEY_SECONDS)
        outcome = self.run(self.store.append_next(name, event, key=key, time=self.now, retention=retention))
        room = self.rooms.get(name) or self.begin(name, outcome.epoch)
        seen = room.find_key(key, self.now)
        assert outcome.is_duplicate == (seen is not None)
        if seen is None:
            room.append([(event, key)], self.now, count)
        assert (outcome.epoch, outcome.seq) == (room.epoch, seen or room.last)

    @rule(name=rooms, back=few)
    def remove(self, name: str, back: int) -> None:
        room = self.rooms.get(name)
        up_to = room.last - back if room is not None else 5
        self.run(self.store.remove(name, up_to))
        if room is not None:
            room.removed = max(room.removed, up_to)

    @rule(count=few, seconds=st.none() | st.sampled_from([10.0, 100.0]), room_seconds=st.none() | st.just(100.0))
    def trim(self, count: int, seconds: float | None, room_seconds: float | None) -> None:
        self.run(self.store.trim(lambda _: Retention(count, seconds, room_seconds=room_seconds), now=self.now))
        for name, room in list(self.rooms.items()):
            room.removed = max(room.removed, room.last - count)
            if seconds is not None:
                for seq in range(room.removed + 1, room.last + 1):
                    if room.events[seq][0] > self.now - seconds:
                        break
                    room.removed = seq
            is_empty = room.removed >= room.last
            if is_empty and room_seconds is not None and room.time <= self.now - room_seconds:
                del self.rooms[name]

    @rule(name=rooms)
    def forget(self, name: str) -> None:
        self.run(self.store.forget(name))
        self.rooms.pop(name, None)

    @rule(name=rooms, is_late=st.booleans())
    def renew(self, name: str, is_late: bool) -> None:
        room = self.rooms.get(name)
        if room is None:
            with pytest.raises(Conflict):
                self.run(self.store.renew(name, "none"))
            return
        epoch = self.run(self.store.renew(name, "of old" if is_late else room.epoch)).epoch
        assert (epoch == room.epoch) == is_late
        room.epoch = epoch
        self.epochs.add(epoch)

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        if isinstance(self.store, SqliteStore):
            self.run(self.store.stop())
            self.store = self.new_store()
            self.run(self.store.start())

    @invariant()
    def rooms_are_known(self) -> None:
        async def names() -> list[str]:
            return sorted([name async for name in self.store.rooms()])

        assert self.run(names()) == sorted(self.rooms)

    @invariant()
    def rooms_stand_where_they_should(self) -> None:
        for name, room in self.rooms.items():
            position = self.run(self.store.open(name, now=self.now))
            assert (position.epoch, position.last) == (room.epoch, room.last)
            assert room.removed < position.first <= max(room.kept, room.removed + 1)
            kept = [Stored(seq, room.events[seq][1]) for seq in range(position.first, room.last + 1)]
            assert self.run(self.store.read(name, 0, 1000)) == kept
            middle = (position.first + room.last) // 2
            assert self.run(self.store.read(name, middle, 2)) == [each for each in kept if each.seq > middle][:2]
            assert (
                self.run(self.store.read_back(name, middle, 2))
                == [each for each in kept if each.seq < middle][-2:]
            )
            for key in "abc":
                assert self.run(self.store.find_key(name, key, now=self.now)) == room.find_key(key, self.now)


class MemoryMachine(StoreMachine):
    def new_store(self) -> Store:
        return MemoryStore()


class SqliteMachine(StoreMachine):
    def new_store(self) -> Store:
        return SqliteStore(self.folder / "history.db", durability="normal")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("machine", [MemoryMachine, SqliteMachine])
def test_a_store_does_what_the_model_does_whatever_comes(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
        machine, settings=settings(max_examples=40, stateful_step_count=30)
    )
