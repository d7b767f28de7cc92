"""The records of the store in JetStream: pieces, what is found among others, and what is taken out again."""

from __future__ import annotations

import asyncio

import pytest
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.jetstream_stream import Stream
from hubbub.plugins.history.store import Conflict, Position, Retention, StoreUnavailable

from .asking_nats import subjects
from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored
from .servers import JetStream


@pytest.fixture
def store(jetstream_store: JetStreamStore) -> JetStreamStore:
    return jetstream_store


def test_an_append_that_is_too_large_for_a_message_is_stored_as_a_whole(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    events = [bytes([number]) * 700_000 for number in range(5)]

    async def publish() -> None:
        position = await fill(store, "lobby", 2)
        keys = ["alice 1", *[None] * 4]
        await store.append("lobby", position.epoch, 3, events, keys=keys, time=NOW, retention=KEEP_ALL)
        await fill(store, "lobby", 1)

    run(publish())
    assert run(subjects(jetstream.url, stream))[f"{stream}.room.lobby"] == 7
    other = JetStreamStore(jetstream.url, stream=stream)
    assert [each.event for each in run(other.read("lobby", 2, 5))] == events
    assert [each.event for each in run(other.read_back("lobby", 6, 2))] == events[1:3]
    assert run(other.find_key("lobby", "alice 1", now=NOW)) == 3
    run(other.stop())


def test_pieces_that_are_not_the_whole_change_nothing(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a large append is under way, another server is faster: the large one has lost its place."""
    other = JetStreamStore(jetstream.url, stream=stream)
    put = Stream.put
    pieces: list[int] = []

    async def put_slowly(self: Stream, subject: str, record: bytes, *, after: int) -> int:
        if len(record) > 500_000:
            pieces.append(after)
            if len(pieces) == 3:
                assert await other.read("lobby", 0, 10) == stored(1, 2)
                appended = await other.append_next("lobby", event(3), key="bob 1", time=NOW, retention=KEEP_ALL)
                assert appended[1:3] == (3, False)
        return await put(self, subject, record, after=after)

    async def interrupt() -> None:
        position = await fill(store, "lobby", 2)
        monkeypatch.setattr(Stream, "put", put_slowly)
        with pytest.raises(Conflict, match="is at 3"):
            await store.append(
                "lobby", position.epoch, 3, [b"x" * 900_000] * 6, keys=[None] * 6, time=NOW, retention=KEEP_ALL
            )
        await fill(store, "lobby", 1)

    run(interrupt())
    assert len(pieces) == 3
    for each in (store, other):
        assert run(each.open("lobby", now=NOW)).last == 4
        assert run(each.read("lobby", 0, 3)) == stored(1, 2, 3)
        assert run(each.read("lobby", 3, 10)) == stored(4)
        assert run(each.find_key("lobby", "bob 1", now=NOW)) == 3
    run(other.stop())


def test_a_large_append_that_was_interrupted_by_its_own_connection_is_found_not_to_be_stored(
    store: JetStreamStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Stream.put

    async def put_some(self: Stream, subject: str, record: bytes, *, after: int) -> int:
        if len(record) < 500_000:
            raise StoreUnavailable("gone")
        return await put(self, subject, record, after=after)

    async def interrupt() -> Position:
        position = await fill(store, "lobby", 2)
        with monkeypatch.context() as patch:
            patch.setattr(Stream, "put", put_some)
            with pytest.raises(StoreUnavailable):
                await store.append(
                    "lobby", position.epoch, 3, [b"x" * 1_200_000], keys=["a"], time=NOW, retention=KEEP_ALL
                )
        return position

    position = run(interrupt())
    assert run(store.open("lobby", now=NOW)) == position
    assert run(store.find_key("lobby", "a", now=NOW)) is None
    assert run(fill(store, "lobby", 2)).last == 4
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3, 4)


def test_any_event_of_a_long_history_is_found_among_those_of_others(store: JetStreamStore, run: Run) -> None:
    async def publish() -> None:
        for part in range(15):
            await fill(store, "loud", 1)
            await asyncio.gather(*(fill(store, f"room-{number}", 2) for number in range(20 * (part % 3))))
            for _ in range(30):
                await store.append_next("lobby", event(0), key=None, time=NOW, retention=KEEP_ALL)
        await store.remove("lobby", 7)

    run(publish())
    for after in range(7, 450, 13):
        assert [each.seq for each in run(store.read("lobby", after, 3))] == [
            seq for seq in range(after + 1, after + 4) if seq <= 450
        ]
        assert [each.seq for each in run(store.read_back("lobby", after, 2))] == [
            seq for seq in range(after - 2, after) if seq > 7
        ]


def test_what_is_removed_is_taken_out_of_the_stream_once_its_keys_are_forgotten(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    subject, retention = f"{stream}.room.lobby", Retention(2, key_seconds=60)

    async def messages() -> int:
        return (await subjects(jetstream.url, stream))[subject]

    async def publish(key: str | None, *, time: float) -> None:
        await store.append_next("lobby", event(0), key=key, time=time, retention=retention)

    async def trim() -> None:
        for number in range(10):
            await publish(None if number < 5 else f"alice {number}", time=NOW + number)
        assert await messages() == 10
        assert await store.trim(lambda _: retention, now=NOW + 10) == 8
        assert await messages() == 10 - 5 + 1
        assert await store.find_key("lobby", "alice 5", now=NOW + 10) == 6
        assert await store.trim(lambda _: retention, now=NOW + 100) == 0
        assert await messages() == 2 + 1
        assert [each.seq for each in await store.read("lobby", 0, 10)] == [9, 10]

    run(trim())
