"""NATS is killed, freezes, or is not there yet: what clients and load balancers are told, and what comes then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .machines import broker_trouble, is_ready, publish_and_wait, wait_until_online
from .nats_machines import Nats, NatsMachines


@pytest.fixture
def nats() -> Iterator[Nats]:
    server = Nats()
    yield server
    server.remove()


@pytest.fixture
def machines(nats: Nats, tmp_path: Path) -> Iterator[NatsMachines]:
    with ExitStack() as stack:
        yield NatsMachines(stack, tmp_path, nats.url)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_nats_is_away_publishing_is_refused_and_afterwards_everything_works_again(
    how: str, nats: Nats, machines: NatsMachines
) -> None:
    one, two = machines.start(), machines.start()
    alice, bob = machines.connect(one, "alice"), machines.connect(two, "bob")
    wait_until_online(alice, "alice", "bob")
    nats.kill() if how == "killed" else nats.freeze()
    for server in (one, two):
        server.log.wait_for("the broker is away")
        assert not is_ready(server)
        assert broker_trouble(server) == "the broker is away"
    alice.send(type="message", content="lost", id="1")
    refusal = alice.wait_for(type="error", id="1")
    assert (refusal["code"], refusal["retryable"]) == ("unavailable", True)
    assert refusal["retry_after"]
    carol = machines.connect(one, "carol", "another")  # Rooms can be entered meanwhile.
    nats.start() if how == "killed" else nats.unfreeze()
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


def test_a_server_that_starts_while_nats_is_away_connects_when_it_can(nats: Nats, machines: NatsMachines) -> None:
    nats.kill()
    server = machines.start()
    server.log.wait_for("the broker is away")
    assert not is_ready(server)
    alice, bob = machines.connect(server, "alice"), machines.connect(server, "bob")
    nats.start()
    server.log.wait_for("the broker is back")
    assert is_ready(server)
    publish_and_wait(alice, "hello", "1")
    assert bob.wait_for(type="message")["content"] == "hello"
