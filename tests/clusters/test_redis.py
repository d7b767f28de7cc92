"""Several servers with a real Redis between them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from ..end_to_end.client import Client
from ..end_to_end.running_server import RunningServer
from ..plugins.history.servers import Redis, send
from .machines import API_KEY, Machines, wait_until_online


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def machines(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with ExitStack() as stack:
        machines = Machines(stack, tmp_path_factory.mktemp("machines"), {"url": redis.url})
        for _ in range(3):
            machines.start()
        yield machines


def contents(client: Client, last: object) -> list[object]:
    found = list[object]()
    while not found or found[-1] != last:
        found.append(client.wait_for(type="message")["content"])
    return found


def post(server: RunningServer, path: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://{server.host}:{server.port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_everybody_hears_everything_in_one_order_whichever_server_they_are_on(machines: Machines) -> None:
    clients = [machines.connect(server, f"user{at}") for at, server in enumerate(machines.servers)]
    for number in range(50):
        for at, client in enumerate(clients):
            client.send(type="message", content=[at, number], id=str(number))
    for client in clients:
        client.wait_for(type="ack", id="49")
    clients[0].send(type="message", content="end")
    heard = [contents(client, "end") for client in clients]
    assert len(heard[0]) < 151  # Something was heard before the last ack.
    late = machines.connect(machines.servers[1], "late", "other")
    late.send(type="message", content="end")
    assert contents(late, "end") == ["end"]


def test_one_order_is_seen_by_those_who_only_listen(machines: Machines) -> None:
    listeners = [machines.connect(server, f"l{at}", "talk") for at, server in enumerate(machines.servers)]
    speakers = [machines.connect(server, f"s{at}", "talk") for at, server in enumerate(machines.servers)]
    for number in range(50):
        for at, speaker in enumerate(speakers):
            speaker.send(type="message", content=[at, number], id=str(number))
    for speaker in speakers:
        speaker.wait_for(type="ack", id="49")
    speakers[0].send(type="message", content="end")
    heard = [contents(listener, "end") for listener in listeners]
    assert heard[0] == heard[1] == heard[2]
    assert len(heard[0]) == 151
    for at in range(3):
        assert [each for each in heard[0] if isinstance(each, list) and each[0] == at] == [
            [at, number] for number in range(50)
        ]


def test_presence_is_that_of_all_servers(machines: Machines) -> None:
    one, two, three = machines.servers
    alice = machines.connect(one, "alice", "presence")
    bob, carol = machines.connect(two, "bob", "presence"), machines.connect(three, "carol", "presence")
    for client in (alice, bob, carol):
        wait_until_online(client, "alice", "bob", "carol", room="presence")
    carol.close()
    left = alice.wait_for(type="system", event="left", user="carol")
    assert (left["reason"], left["online"]) == ("left", 2)


def test_private_messages_and_the_api_reach_users_on_other_servers(machines: Machines) -> None:
    one, two, three = machines.servers
    alice, bob = machines.connect(one, "ann", "private"), machines.connect(two, "bill", "private")
    wait_until_online(alice, "ann", "bill", room="private")
    alice.send(type="private", to="bill", content="psst", id="p")
    assert bob.wait_for(type="private")["content"] == "psst"
    alice.wait_for(type="ack", id="p")
    post(three, "/api/rooms/private/messages", {"content": "from outside", "user": "news"})
    for client in (alice, bob):
        assert client.wait_for(type="message")["content"] == "from outside"
    carol = machines.connect(three, "carol", "private")
    wait_until_online(carol, "ann", "bill", "carol", room="private")
    assert post(three, "/api/users/bill/notify", {"message": "Dinner!"}) == {"connections": 1}
    assert bob.wait_for(type="system", message="Dinner!")


NAMES = ["*", "lob*", "[a-z]", "?", "a}b", "{a}", "%2A", "nodes", "room:{*}", "..", "\\*", "ä", "hubbub:nodes"]


def test_no_name_of_a_room_reaches_another_room_or_the_servers(machines: Machines, redis: Redis) -> None:
    one, two = machines.servers[:2]
    here = [machines.connect(one, "alice", name) for name in NAMES]
    there = [machines.connect(two, "bob", name) for name in NAMES]
    assert send(redis, "PUBSUB", "NUMPAT") == 0
    for name, client in zip(NAMES, here, strict=True):
        client.send(type="message", content=f"to {name}", id="1")
        client.wait_for(type="ack", id="1")
    for name, client in zip(NAMES, there, strict=True):
        client.send(type="message", content="end")
        assert contents(client, "end") == [f"to {name}", "end"]


def test_rooms_without_members_here_are_not_subscribed(machines: Machines, redis: Redis) -> None:
    client = machines.connect(machines.servers[0], "alice", "soon-empty")
    client.send(type="message", content="hello", id="1")
    client.wait_for(type="message")
    channel = f"hubbub:room:{{{quote('soon-empty')}}}"
    assert send(redis, "PUBSUB", "NUMSUB", channel) == [channel.encode(), 1]
    client.send(type="leave", room="soon-empty")
    client.wait_for(type="system", event="left", room="soon-empty")
    other = machines.connect(machines.servers[0], "bob", "soon-full")
    other.send(type="message", content="hello", id="1")
    other.wait_for(type="message")  # Subscribed after the other was unsubscribed.
    assert send(redis, "PUBSUB", "NUMSUB", channel) == [channel.encode(), 0]
