"""A master with a replica and a Sentinel: the master is killed, and the servers go on with the new one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.redis_config import InRedis
from hubbub.plugins.redis.broker import RedisBroker
from hubbub.plugins.redis.config import RedisConfig

from ..end_to_end.client import Client, Fields
from ..plugins.history.servers import send
from .carrying import announced
from .machines import Machines, enter_with_listeners, is_ready, publish_and_wait, publish_in_turn
from .redis_kinds import PASSWORD, Watched, denials


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.remove()


@pytest.fixture
def machines(watched: Watched, tmp_path: Path) -> Iterator[Machines]:
    sentinel = {"hosts": [watched.sentinel.address], "master": "ours"}
    url = f"redis://hubbub:{PASSWORD}@127.0.0.1"
    history = {"store": "redis", "url": url, "redis": {"sentinel": sentinel}}
    with ExitStack() as stack:
        machines = Machines(stack, tmp_path, "redis", {"url": url, "sentinel": sentinel})
        for _ in range(2):
            machines.start(history=history)
        yield machines


def test_storing_and_publishing_are_one_step_on_the_master(watched: Watched) -> None:
    sentinel = {"hosts": [watched.sentinel.address], "master": "ours"}
    url = f"redis://hubbub:{PASSWORD}@127.0.0.1"
    broker = RedisBroker(RedisConfig.model_validate({"url": url, "sentinel": sentinel}))
    store = RedisStore(url, InRedis.model_validate({"sentinel": sentinel}))
    assert asyncio.run(announced(store, broker, ["lobby"])) == [True]


def told_until(client: Client, last: object) -> list[Fields]:
    """The messages up to the one that says ``last``, and news about the history."""
    found = list[Fields]()
    while not found or found[-1].get("content") != last:
        event = client.receive()
        if event["type"] in ("message", "gap") or event.get("event") == "renewed":
            found.append(event)
    return found


def test_when_the_master_is_killed_the_servers_go_on_with_the_new_one_and_nothing_is_lost_or_comes_twice(
    watched: Watched, machines: Machines
) -> None:
    one, two = machines.servers
    alice, bob, listeners = enter_with_listeners(machines, one, two)
    publish_in_turn(alice, bob, range(10))
    watched.catch_up()
    watched.master.kill()
    publish_in_turn(alice, bob, range(10, 20))
    publish_and_wait(alice, "end", "end")
    told = [told_until(listener, "end") for listener in listeners]
    assert told[0] == told[1]
    assert [event["seq"] for event in told[0]] == list(range(1, 42))
    expected = [[who, number] for number in range(20) for who in "ab"]
    assert [event["content"] for event in told[0]] == [*expected, "end"]
    assert all(is_ready(server) for server in machines.servers)
    assert denials(watched.replica) == []


def test_a_new_master_that_was_behind_begins_a_new_epoch_and_nothing_comes_twice(
    watched: Watched, machines: Machines
) -> None:
    one, two = machines.servers
    alice, bob, listeners = enter_with_listeners(machines, one, two)
    publish_and_wait(alice, "kept", "1")
    watched.catch_up()
    send(watched.replica, "REPLICAOF", "127.0.0.1", 1)
    for text in ("lost", "lost, too"):
        publish_and_wait(alice, text, text)
    before = [told_until(listener, "lost, too") for listener in listeners]
    watched.master.kill()
    for server in machines.servers:
        server.log.wait_for("the history of the room 'lobby' begins anew")
    publish_and_wait(bob, "anew", "2")
    publish_and_wait(alice, "end", "3")
    for listener, already in zip(listeners, before, strict=True):
        told = [*already, *told_until(listener, "end")]
        assert [event.get("content") for event in told] == ["kept", "lost", "lost, too", None, "anew", "end"]
        assert [event["seq"] for event in told] == [1, 2, 3, 1, 2, 3]
        assert told[3]["event"] == "renewed"
