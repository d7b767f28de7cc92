"""Several servers with one NATS, which carries what they publish and keeps the history of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..end_to_end.client import Client
from ..plugins.history.servers import JetStream
from .brokers import history_in, machines_with
from .machines import heard_until, talk_all_at_once


@pytest.fixture(scope="module")
def jetstream() -> Iterator[JetStream]:
    server = JetStream()
    yield server
    server.remove()


class Cluster:
    """Two servers; in each test their rooms are others."""

    def __init__(self, stack: ExitStack, folder: Path, jetstream: JetStream) -> None:
        self._machines = machines_with(jetstream, stack, folder)
        history = {**history_in(jetstream), "private": {"keep": 5, "guests": True}}
        self.one, self.two = (self._machines.start(history=history) for _ in range(2))
        self.connect = self._machines.connect


@pytest.fixture(scope="module")
def cluster(jetstream: JetStream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack, tmp_path_factory.mktemp("machines"), jetstream)


def test_everybody_sees_one_order_with_numbers_without_a_hole(cluster: Cluster) -> None:
    servers = (cluster.one, cluster.two)
    listeners = [cluster.connect(server, f"l{at}", "talk") for at, server in enumerate(servers)]
    speakers = [cluster.connect(server, f"s{at}", "talk") for at, server in enumerate(servers)]
    talk_all_at_once(speakers)
    here, there = (heard_until(listener, "end") for listener in listeners)
    assert here == there
    assert [seq for seq, _ in here] == list(range(1, 102))
    for at in range(2):
        assert [each[1] for _, each in here if isinstance(each, list) and each[0] == at] == list(range(50))
    listeners[1].send(type="history", room="talk", limit=3)
    page = listeners[1].wait_for(type="history")
    assert (page["first"], page["last"], page["more"]) == (99, 101, True)


def test_the_same_id_is_published_once_whichever_server_gets_it(cluster: Cluster) -> None:
    listener = cluster.connect(cluster.two, "bob", "twice")
    here, there = cluster.connect(cluster.one, "alice", "twice"), cluster.connect(cluster.two, "alice", "twice")
    here.send(type="message", content="hello", id="1")
    assert here.wait_for(type="ack", id="1")["seq"] == 1
    there.send(type="message", content="hello", id="1")
    ack = there.wait_for(type="ack", id="1")
    assert (ack["seq"], ack["duplicate"]) == (1, True)
    here.send(type="message", content="end")
    assert heard_until(listener, "end") == [(1, "hello"), (2, "end")]


def test_a_private_message_waits_for_whoever_comes_to_another_server(cluster: Cluster) -> None:
    alice = cluster.connect(cluster.one, "alice", "letters")
    alice.send(type="private", to="zoe", content="psst", id="p")
    alice.wait_for(type="ack", id="p")
    zoe = Client(cluster.two.url("/ws/letters?user=zoe"))
    assert zoe.wait_for(type="private")["content"] == "psst"
    zoe.close()
