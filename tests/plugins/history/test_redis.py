"""The store in Redis: its keys, and what becomes of it when Redis is full or emptied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
import redis as client
from hubbub.core import Channel, Message, Publication
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.store import (
    Announcement,
    Conflict,
    Position,
    Retention,
    StoreUnavailable,
    StoreUnusable,
)

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored, until_it_works
from .servers import Redis, send


@pytest.fixture
def store(redis_store: RedisStore) -> RedisStore:
    return redis_store


def test_all_keys_of_a_room_begin_with_the_prefix_and_have_its_escaped_name_in_braces(
    redis: Redis, run: Run
) -> None:
    send(redis, "FLUSHALL")
    store = RedisStore(redis.url, prefix="chat.example:")
    run(store.start())
    run(fill(store, "a}b{c:*", 1, keys=["alice:1"]))
    assert sorted(cast("list[bytes]", send(redis, "KEYS", "*"))) == [
        b"chat.example:history:touched",
        b"chat.example:history:version",
        b"chat.example:history:{a%7Db%7Bc%3A%2A}:events",
        b"chat.example:history:{a%7Db%7Bc%3A%2A}:key:alice%3A1",
        b"chat.example:history:{a%7Db%7Bc%3A%2A}:room",
    ]
    assert send(redis, "TTL", "chat.example:history:{a%7Db%7Bc%3A%2A}:key:alice%3A1") == 300
    run(store.stop())


def test_two_prefixes_are_two_stores(store: RedisStore, redis: Redis, run: Run) -> None:
    other = RedisStore(redis.url, prefix="other:")
    run(other.start())
    run(fill(store, "lobby", 2))
    run(fill(other, "lobby", 1))
    assert run(other.read("lobby", 0, 10)) == stored(1)
    run(other.stop())


@pytest.mark.parametrize("prefix", ["", "a b", "{x}:", "*"])
def test_a_prefix_that_would_reach_other_keys_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and any of"):
        RedisStore("redis://127.0.0.1", prefix=prefix)


@pytest.mark.parametrize("url", ["redis-pa55word", "redis://:pa55word@host:port/0", "http://:pa55word@host"])
def test_a_url_that_is_none_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="write redis://user:password@host") as caught:
        RedisStore(url)
    assert "pa55word" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_named_without_the_password(run: Run) -> None:
    store = RedisStore("redis://hubbub:pa55word@127.0.0.1:1/0")
    with pytest.raises(StoreUnavailable, match=r"Redis at 127\.0\.0\.1:1 cannot be used") as caught:
        run(store.start())
    assert "pa55word" not in str(caught.value)
    run(store.stop())


def test_data_of_a_newer_version_are_refused_and_left_alone(redis: Redis, run: Run) -> None:
    send(redis, "SET", "newer:history:version", 99)
    store = RedisStore(redis.url, prefix="newer:")
    with pytest.raises(StoreUnusable, match=r"its version is 99, and this one knows up to \d+\. Upgrade Hubbub"):
        run(store.start())
    run(store.stop())
    assert send(redis, "GET", "newer:history:version") == b"99"


def test_a_cluster_has_everything_of_a_room_on_one_node(run: Run) -> None:
    """Redis refuses scripts whose keys are not all in one slot, also where one node has all slots."""

    class ClusterNode(Redis):
        def command(self) -> Sequence[str]:
            return [*super().command(), "--cluster-enabled", "yes"]

    node = ClusterNode()
    store = RedisStore(node.url)

    async def use_all() -> None:
        await until_it_works(store)
        await fill(store, "lo}{bby", 3, keys=["alice 1", "bob 1", None])
        assert (
            await store.append_next("lo}{bby", event(4), key="bob 1", time=NOW, retention=KEEP_ALL)
        ).is_duplicate
        assert await store.find_key("lo}{bby", "alice 1", now=NOW) == 1
        assert await store.trim(lambda _: Retention(1), now=NOW) == 2
        assert await store.remove("lo}{bby", 3) == 1
        position = await store.open("lo}{bby", now=NOW)
        assert (await store.renew("lo}{bby", position.epoch)).epoch != position.epoch
        await store.forget("lo}{bby")
        await store.stop()

    try:
        send(node, "CLUSTER", "ADDSLOTS", *range(16384))
        run(use_all())
    finally:
        node.remove()


def test_an_append_keeps_a_room_near_its_size_without_waiting_for_the_next_trim(
    store: RedisStore, run: Run
) -> None:
    run(fill(store, "lobby", 3000, retention=Retention(count=500)))
    position = run(store.open("lobby", now=NOW))
    assert 500 <= position.last - position.first + 1 < 700


def test_scripts_that_redis_has_forgotten_are_sent_again(store: RedisStore, redis: Redis, run: Run) -> None:
    run(fill(store, "lobby", 1))
    send(redis, "SCRIPT", "FLUSH")

    async def publish() -> None:
        positions = [await store.open(f"room-{number}", now=NOW) for number in range(5)]
        await asyncio.to_thread(send, redis, "SCRIPT", "FLUSH")
        await asyncio.gather(
            *(
                store.append(
                    f"room-{number}", position.epoch, 1, [event(1)], keys=[None], time=NOW, retention=KEEP_ALL
                )
                for number, position in enumerate(positions)
            )
        )

    run(publish())
    assert [run(store.read(f"room-{number}", 0, 9)) for number in range(5)] == [stored(1)] * 5


def test_a_redis_that_was_emptied_begins_the_room_anew(store: RedisStore, redis: Redis, run: Run) -> None:
    position = run(fill(store, "lobby", 3))
    send(redis, "FLUSHALL")
    with pytest.raises(Conflict, match="not known"):
        run(store.append("lobby", position.epoch, 4, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    again = run(store.open("lobby", now=NOW))
    assert again.epoch != position.epoch
    assert run(fill(store, "lobby", 1)) == Position(again.epoch, 1, 1)


def test_what_is_left_of_a_room_that_was_evicted_in_part_is_not_taken_for_the_whole(
    store: RedisStore, redis: Redis, run: Run
) -> None:
    position = run(fill(store, "lobby", 3))
    send(redis, "DEL", "hubbub:history:{lobby}:room")
    again = run(store.open("lobby", now=NOW))
    assert again.epoch != position.epoch
    assert run(store.read("lobby", 0, 10)) == []
    run(fill(store, "lobby", 3))
    send(redis, "DEL", "hubbub:history:{lobby}:events")
    assert run(store.open("lobby", now=NOW)) == Position(again.epoch, 4, 3)
    assert run(fill(store, "lobby", 1)).first == 4


def test_a_redis_without_memory_is_unavailable_until_it_has_some_again(
    store: RedisStore, redis: Redis, run: Run
) -> None:
    run(fill(store, "lobby", 2))
    send(redis, "CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            run(store.check())
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            run(store.append_next("lobby", event(3), key=None, time=NOW, retention=KEEP_ALL))
        assert run(store.read("lobby", 0, 10)) == stored(1, 2)
    finally:
        send(redis, "CONFIG", "SET", "maxmemory", 0)
    run(until_it_works(store))
    assert run(fill(store, "lobby", 1)).last == 3


def test_an_event_is_published_in_the_step_in_which_it_is_stored(
    store: RedisStore, redis: Redis, run: Run
) -> None:
    publication = Publication.of(Message(content='"ü', user='o"connor', room="lobby", id="1\n"), "c1")
    channel = Channel(f"{redis.folder}/socket", b"hubbub:room:{lobby}")
    with client.Redis.from_url(redis.url).pubsub() as subscriber:  # pyright: ignore[reportUnknownMemberType]
        subscriber.subscribe(channel.name)  # pyright: ignore[reportUnknownMemberType]
        assert subscriber.get_message(timeout=10) is not None
        for place in (channel.place, "elsewhere:6379"):
            appended = run(
                store.append_next(
                    "lobby",
                    publication.unnumbered,
                    key=None,
                    time=NOW,
                    retention=KEEP_ALL,
                    announcement=Announcement(channel._replace(place=place), publication.for_whom),
                )
            )
            assert appended.is_announced is (place == channel.place)
        publication.number(1, appended.epoch)
        message = cast("dict[str, object]", subscriber.get_message(timeout=10))
        assert message["data"] == publication.to_bytes()
        assert subscriber.get_message(timeout=0) is None
