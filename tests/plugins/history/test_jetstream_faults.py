"""What becomes of the store in JetStream when NATS is away, and what is true when it is back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from functools import partial

import pytest
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.store import Conflict, Position, Stored, StoreUnavailable

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored, until_it_works
from .hanging_up import hanging_up
from .servers import JetStream

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def jetstream() -> Iterator[JetStream]:
    server = JetStream()
    yield server
    server.remove()


@pytest.fixture
def store(jetstream_store: JetStreamStore) -> JetStreamStore:
    return jetstream_store


def test_what_was_under_way_when_the_server_was_killed_ends_at_once(
    store: JetStreamStore, jetstream: JetStream, run: Run
) -> None:
    async def crash() -> None:
        await fill(store, "lobby", 1)
        jetstream.freeze()
        appends = [
            asyncio.ensure_future(store.append_next(f"room-{number}", b"", key=None, time=NOW, retention=KEEP_ALL))
            for number in range(10)
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(4):  # An answer may take 5.
            await asyncio.to_thread(jetstream.kill)
            outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        await asyncio.to_thread(jetstream.start)
        await until_it_works(store)

    run(crash())


def test_an_append_that_a_frozen_server_may_make_after_its_time_takes_no_other_ones_place(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    hasty = JetStreamStore(jetstream.url, stream=stream, timeout=0.5)

    async def append(store: JetStreamStore, epoch: str, text: bytes) -> None:
        await store.append("lobby", epoch, 3, [text], keys=[None], time=NOW, retention=KEEP_ALL)

    async def freeze() -> None:
        await until_it_works(hasty)
        position = await fill(store, "lobby", 2)
        assert await hasty.open("lobby", now=NOW) == position
        jetstream.freeze()
        try:
            late = asyncio.ensure_future(append(hasty, position.epoch, b"late"))
            with pytest.raises(StoreUnavailable, match=r"no answer within 0\.5 seconds"):
                await late
        finally:
            jetstream.unfreeze()
        await until_it_works(store)
        # It reads all that it was sent, in whichever order.
        expected = b"in time"
        try:
            await append(store, position.epoch, b"in time")
        except Conflict:
            expected = b"late"
        await until_it_works(hasty)
        for each in (store, hasty):
            assert await each.read("lobby", 2, 10) == [Stored(3, expected)]
            assert (await each.open("lobby", now=NOW)).last == 3

    try:
        run(freeze())
    finally:
        run(hasty.stop())


def test_a_stream_that_lost_the_newest_events_is_found_out_and_gets_a_new_epoch(
    store: JetStreamStore, jetstream: JetStream, run: Run
) -> None:
    """As after a power failure: here the files of a moment ago take the place of those of now."""
    files, old = jetstream.folder / "jetstream", jetstream.folder / "old"
    run(fill(store, "lobby", 2))
    jetstream.stop()
    shutil.copytree(files, old)
    jetstream.start()
    run(until_it_works(store))
    position = run(fill(store, "lobby", 3, keys=["a", "b", "c"]))
    jetstream.stop()
    shutil.rmtree(files)
    old.rename(files)
    jetstream.start()
    run(until_it_works(store))
    with pytest.raises(Conflict, match="is at 2"):
        run(store.append("lobby", position.epoch, 6, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    assert run(store.find_key("lobby", "a", now=NOW)) is None
    behind = run(store.open("lobby", now=NOW))
    assert (behind.epoch, behind.last) == (position.epoch, 2)
    renewed = run(store.renew("lobby", position.epoch))
    assert renewed.epoch != position.epoch
    assert run(fill(store, "lobby", 1)) == Position(renewed.epoch, 1, 3)


def test_an_append_whose_answer_is_lost_is_not_made_a_second_time(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    """Between the store and NATS is somebody who hangs up when something was stored."""

    async def lose_the_answer() -> None:
        connect = partial(asyncio.open_connection, "127.0.0.1", jetstream.port)
        async with hanging_up(connect, b"Expected-Last-Subject-Sequence", b'"seq":') as port:
            between = JetStreamStore(f"nats://127.0.0.1:{port}", stream=stream)
            await between.start()
            with pytest.raises(StoreUnavailable):
                await between.append_next("lobby", event(1), key="a", time=NOW, retention=KEEP_ALL)
            await between.stop()
        assert await store.read("lobby", 0, 10) == stored(1)
        again = await store.append_next("lobby", event(1), key="a", time=NOW, retention=KEEP_ALL)
        assert again.is_duplicate

    run(lose_the_answer())
