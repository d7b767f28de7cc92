"""A Redis Cluster of three masters, as broker and with the history, for the user that the docs recommend."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from typing import cast

import pytest
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.redis_config import InRedis
from hubbub.plugins.redis.broker import RedisBroker
from hubbub.plugins.redis.config import RedisConfig
from redis.crc import key_slot

from ..plugins.history.servers import send
from .carrying import announced
from .machines import Machines, heard_until, publish_and_wait
from .redis_kinds import PASSWORD, Cluster, ClusterNode, denials, give_user


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def machines(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    url = f"redis://hubbub:{PASSWORD}@{cluster.nodes[0].address}"
    history = {"store": "redis", "url": url, "redis": {"cluster": True}}
    with ExitStack() as stack:
        machines = Machines(stack, tmp_path_factory.mktemp("machines"), "redis", {"url": url, "cluster": True})
        for _ in range(2):
            machines.start(history=history)
        yield machines


ROOMS = count()


def room_on(node: ClusterNode) -> str:
    """The name of a new room, whose slot a node has."""
    slots = [line.split("-") for line in _myself(node)[8:]]
    for number in ROOMS:
        room = f"room:{number}"
        slot = key_slot(f"{{{room.replace(':', '%3A')}}}".encode())
        if any(int(each[0]) <= slot <= int(each[-1]) for each in slots):
            return room
    raise AssertionError


def _myself(node: ClusterNode) -> list[str]:
    lines = cast(bytes, send(node, "CLUSTER", "NODES")).decode().splitlines()
    return next(line.split() for line in lines if "myself" in line)


def move(room: str, source: ClusterNode, target: ClusterNode, cluster: Cluster) -> None:
    """Move a room's slot, with what is in it."""
    tag = room.replace(":", "%3A")
    slot, ids = key_slot(f"{{{tag}}}".encode()), [_myself(node)[0] for node in (source, target)]
    send(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    send(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    keys = cast("list[bytes]", send(source, "CLUSTER", "GETKEYSINSLOT", slot, 100))
    send(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *(key.decode() for key in keys))
    for node in (target, source, *cluster.nodes):
        send(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[1])


def test_each_room_is_on_one_master_with_its_channel_and_its_history(cluster: Cluster, machines: Machines) -> None:
    one, two = machines.servers
    rooms = [room_on(node) for node in cluster.nodes]
    here = [machines.connect(one, "alice", room) for room in rooms]
    there = [machines.connect(two, "bob", room) for room in rooms]
    listeners = [machines.connect(two, "listener", room) for room in rooms]
    for number in range(20):
        for room, alice, bob in zip(rooms, here, there, strict=True):
            publish_and_wait(alice, [room, "a", number], f"a{number}")
            publish_and_wait(bob, [room, "b", number], f"b{number}")
    for room, alice, listener, node in zip(rooms, here, listeners, cluster.nodes, strict=True):
        publish_and_wait(alice, "end", "end")
        expected = [[room, who, number] for number in range(20) for who in "ab"]
        assert heard_until(listener, "end") == list(enumerate([*expected, "end"], 1))
        name = room.replace(":", "%3A").encode()
        assert b"hubbub:room:{%b}" % name in cast("list[bytes]", send(node, "PUBSUB", "SHARDCHANNELS"))
        assert send(node, "XLEN", f"hubbub:history:{{{name.decode()}}}:events") == 41
    assert [denials(node) for node in cluster.nodes] == [[], [], []]


def test_storing_and_publishing_are_one_step_on_the_master_of_the_room(cluster: Cluster) -> None:
    url = f"redis://hubbub:{PASSWORD}@{cluster.nodes[0].address}"
    broker = RedisBroker(RedisConfig.model_validate({"url": url, "cluster": True}))
    rooms = [room_on(node) for node in cluster.nodes]
    assert asyncio.run(announced(RedisStore(url, InRedis(cluster=True)), broker, rooms)) == [True] * 3


def test_a_room_whose_slot_moves_to_another_master_goes_on_there(cluster: Cluster, machines: Machines) -> None:
    source, target = cluster.nodes[:2]
    room = room_on(source)
    alice = machines.connect(machines.servers[0], "alice", room)
    listener = machines.connect(machines.servers[1], "listener", room)
    publish_and_wait(alice, "before", "1")
    move(room, source, target, cluster)
    publish_and_wait(alice, "after", "2")
    publish_and_wait(alice, "end", "3")
    assert heard_until(listener, "end") == [(1, "before"), (2, "after"), (3, "end")]


def test_when_a_master_was_killed_and_is_back_nothing_is_lost_and_nothing_comes_twice(
    cluster: Cluster, machines: Machines
) -> None:
    rooms = [room_on(node) for node in cluster.nodes]
    speakers = [machines.connect(machines.servers[0], "alice", room) for room in rooms]
    listeners = [machines.connect(machines.servers[1], "listener", room) for room in rooms]
    for speaker in speakers:
        publish_and_wait(speaker, "before", "1")
    cluster.nodes[2].kill()
    machines.servers[0].log.wait_for("the broker is away")
    cluster.nodes[2].start()
    give_user(cluster.nodes[2], "+cluster|slots")
    for speaker in speakers:
        publish_and_wait(speaker, "after", "2")
        publish_and_wait(speaker, "end", "3")
    for listener in listeners:
        assert heard_until(listener, "end") == [(1, "before"), (2, "after"), (3, "end")]
