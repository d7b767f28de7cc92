"""Redis is killed, freezes, or is not there yet: what clients and load balancers are told, and what comes then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..end_to_end.client import Client
from ..plugins.history.servers import Redis
from .machines import Machines, broker_trouble, is_ready, publish_and_wait, wait_until_online


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


@pytest.fixture
def machines(redis: Redis, tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(stack, tmp_path, {"url": redis.url})


def go_away(redis: Redis, how: str) -> None:
    redis.kill() if how == "killed" else redis.freeze()


def come_back(redis: Redis, how: str) -> None:
    redis.start() if how == "killed" else redis.unfreeze()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_redis_is_away_publishing_is_refused_and_afterwards_everything_works_again(
    how: str, redis: Redis, machines: Machines
) -> None:
    one, two = machines.start(), machines.start()
    alice, bob = machines.connect(one, "alice"), machines.connect(two, "bob")
    wait_until_online(alice, "alice", "bob")
    go_away(redis, how)
    for server in (one, two):
        server.log.wait_for("the broker is away")
        assert not is_ready(server)
        assert broker_trouble(server) == "the broker is away"
    alice.send(type="message", content="lost", id="1")
    refusal = alice.wait_for(type="error", id="1")
    assert (refusal["code"], refusal["retryable"]) == ("unavailable", True)
    assert refusal["retry_after"]
    carol = machines.connect(one, "carol", "another")  # Rooms can be entered meanwhile.
    for server in (one, two):  # An attempt that fails is not the last one.
        server.log.wait_for("still no connection to Redis")
    come_back(redis, how)
    for server in (one, two):
        server.log.wait_for("the broker is back")
        assert is_ready(server)
    for client in (alice, bob):
        client.wait_for(type="gap", room="lobby")
    publish_and_wait(alice, "found", "2")
    assert bob.wait_for(type="message")["content"] == "found"
    dave = machines.connect(two, "dave", "another")
    publish_and_wait(dave, "hello", "3")
    assert carol.wait_for(type="message")["content"] == "hello"
    wait_until_online(bob, "alice", "bob")


def test_a_server_that_starts_while_redis_is_away_connects_when_it_can(redis: Redis, machines: Machines) -> None:
    redis.kill()
    server = machines.start()
    server.log.wait_for("the broker is away")
    assert not is_ready(server)
    alice, bob = machines.connect(server, "alice"), machines.connect(server, "bob")
    redis.start()
    server.log.wait_for("the broker is back")
    assert is_ready(server)
    publish_and_wait(alice, "hello", "1")
    bob.wait_for(type="message", content="hello")


def heard_until(client: Client, last: object) -> list[object]:
    found = list[object]()
    while not found or found[-1] != last:
        event = client.wait_for(type="message")
        assert event["seq"] == len(found) + 1
        found.append(event["content"])
    return found


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_with_history_nothing_acknowledged_is_lost_and_nothing_comes_twice(
    how: str, redis: Redis, machines: Machines
) -> None:
    history = {"store": "redis", "url": redis.url}
    one, two = machines.start(history=history), machines.start(history=history)
    alice, bob = machines.connect(one, "alice"), machines.connect(two, "bob")
    listeners = [machines.connect(server, f"listener{at}") for at, server in enumerate((one, two))]
    wait_until_online(alice, "alice", "bob", "listener0", "listener1")
    for number in range(10):
        publish_and_wait(alice, ["a", number], f"a{number}")
        publish_and_wait(bob, ["b", number], f"b{number}")
    go_away(redis, how)
    for server in (one, two):
        server.log.wait_for("the broker is away")
    alice.send(type="message", content=["a", 10], id="a10")
    assert alice.wait_for(type="error", id="a10")["code"] == "unavailable"
    come_back(redis, how)
    for number in range(10, 20):
        publish_and_wait(bob, ["b", number], f"b{number}")
        publish_and_wait(alice, ["a", number], f"a{number}")
    publish_and_wait(alice, "end", "end")
    heard = [heard_until(listener, "end") for listener in listeners]
    assert heard[0] == heard[1]
    assert sorted(map(repr, heard[0])) == sorted(
        [repr("end"), *(repr([who, number]) for who in "ab" for number in range(20))]
    )
