"""The broker is killed, freezes, or is not there yet: what clients and load balancers are told, and what then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..end_to_end.client import Client
from ..plugins.history.servers import JetStream, Redis
from .brokers import BROKERS, Broker, history_in, machines_with
from .machines import (
    Machines,
    broker_trouble,
    enter_with_listeners,
    heard_until,
    is_ready,
    publish_and_wait,
    publish_in_turn,
    wait_until_online,
)


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    server: Broker = request.param()
    yield server
    server.remove()


@pytest.fixture
def machines(broker: Broker, tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield machines_with(broker, stack, tmp_path)


def go_away(broker: Broker, how: str) -> None:
    broker.kill() if how == "killed" else broker.freeze()


def come_back(broker: Broker, how: str) -> None:
    broker.start() if how == "killed" else broker.unfreeze()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_the_broker_is_away_publishing_is_refused_and_afterwards_everything_works_again(
    how: str, broker: Broker, machines: Machines
) -> None:
    one, two = machines.start(), machines.start()
    alice, bob = machines.connect(one, "alice"), machines.connect(two, "bob")
    wait_until_online(alice, "alice", "bob")
    go_away(broker, how)
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
        server.log.wait_for("still no connection to")
    come_back(broker, how)
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


def test_a_server_that_starts_while_the_broker_is_away_connects_when_it_can(
    broker: Broker, machines: Machines
) -> None:
    broker.kill()
    server = machines.start()
    server.log.wait_for("the broker is away")
    assert not is_ready(server)
    alice, bob = machines.connect(server, "alice"), machines.connect(server, "bob")
    broker.start()
    server.log.wait_for("the broker is back")
    assert is_ready(server)
    publish_and_wait(alice, "hello", "1")
    assert bob.wait_for(type="message")["content"] == "hello"


def refused(alice: Client, number: int) -> None:
    alice.send(type="message", content=["a", number], id=f"a{number}")
    assert alice.wait_for(type="error", id=f"a{number}")["code"] == "unavailable"


@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.parametrize("broker", [Redis, JetStream], indirect=True)
def test_with_history_nothing_acknowledged_is_lost_and_nothing_comes_twice(
    how: str, broker: Broker, machines: Machines
) -> None:
    history = history_in(broker)
    one, two = machines.start(history=history), machines.start(history=history)
    alice, bob, listeners = enter_with_listeners(machines, one, two)
    publish_in_turn(alice, bob, range(10))
    go_away(broker, how)
    for server in (one, two):
        server.log.wait_for("the broker is away")
    refused(alice, 10)
    come_back(broker, how)
    for number in range(10, 20):
        publish_and_wait(bob, ["b", number], f"b{number}")
        publish_and_wait(alice, ["a", number], f"a{number}")
    go_away(broker, how)
    refused(alice, 20)  # Before it is noticed: what is frozen may still do it.
    come_back(broker, how)
    publish_and_wait(alice, ["a", 20], "a20")
    publish_and_wait(bob, "end", "end")
    here, there = (heard_until(listener, "end") for listener in listeners)
    assert here == there
    assert [seq for seq, _ in here] == list(range(1, 43))
    assert sorted(repr(content) for _, content in here) == sorted(
        repr(content) for content in ("end", ["a", 20], *([who, number] for who in "ab" for number in range(20)))
    )
    assert is_ready(one)
    assert is_ready(two)
