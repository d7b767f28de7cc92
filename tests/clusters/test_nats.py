"""Several servers with a real NATS between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..end_to_end.client import Client
from .machines import wait_until_online
from .nats_machines import Nats, NatsMachines


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    server = Nats()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def machines(nats: Nats, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsMachines]:
    with ExitStack() as stack:
        machines = NatsMachines(stack, tmp_path_factory.mktemp("machines"), nats.url)
        for _ in range(2):
            machines.start()
        yield machines


def contents(client: Client, last: object) -> list[object]:
    found = list[object]()
    while not found or found[-1] != last:
        found.append(client.wait_for(type="message")["content"])
    return found


def test_everybody_hears_everything_and_what_comes_from_one_server_in_its_order(machines: NatsMachines) -> None:
    listeners = [machines.connect(server, f"l{at}", "talk") for at, server in enumerate(machines.servers)]
    speakers = [machines.connect(server, f"s{at}", "talk") for at, server in enumerate(machines.servers)]
    for number in range(50):
        for at, speaker in enumerate(speakers):
            speaker.send(type="message", content=[at, number], id=str(number))
    for speaker in speakers:
        speaker.wait_for(type="ack", id="49")
    speakers[0].send(type="message", content="end")
    for heard in [contents(listener, "end") for listener in listeners]:
        assert len(heard) == 101
        for at in range(2):
            assert [each for each in heard if isinstance(each, list) and each[0] == at] == [
                [at, number] for number in range(50)
            ]


def test_presence_is_that_of_all_servers(machines: NatsMachines) -> None:
    one, two = machines.servers
    alice, bob = machines.connect(one, "alice", "presence"), machines.connect(two, "bob", "presence")
    for client in (alice, bob):
        wait_until_online(client, "alice", "bob", room="presence")
    bob.close()
    left = alice.wait_for(type="system", event="left", user="bob")
    assert (left["reason"], left["online"]) == ("left", 1)


def test_private_messages_reach_users_on_other_servers(machines: NatsMachines) -> None:
    one, two = machines.servers
    alice, bob = machines.connect(one, "alice", "private"), machines.connect(two, "bob", "private")
    wait_until_online(alice, "alice", "bob", room="private")
    alice.send(type="private", to="bob", content="psst", id="p")
    assert bob.wait_for(type="private")["content"] == "psst"
    alice.wait_for(type="ack", id="p")


NAMES = [
    "*",
    ">",
    "a.*",
    "a.>",
    "a.b",
    "a",
    "..",
    "%2E",
    ".",
    "~",
    "ä",
    "nodes",
    "room.>",
    "hubbub.nodes",
    "$SYS.>",
]


def test_no_name_of_a_room_reaches_another_room_or_the_servers(machines: NatsMachines) -> None:
    one, two = machines.servers
    here = [machines.connect(one, "alice", name) for name in NAMES]
    there = [machines.connect(two, "bob", name) for name in NAMES]
    for name, client in zip(NAMES, here, strict=True):
        client.send(type="message", content=f"to {name}", id="1")
        client.wait_for(type="ack", id="1")
    for name, client in zip(NAMES, there, strict=True):
        client.send(type="message", content="end")
        assert contents(client, "end") == [f"to {name}", "end"]
