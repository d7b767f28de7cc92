"""Several servers with a real broker between them."""

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
from .brokers import BROKERS, Broker, machines_with
from .machines import API_KEY, Machines, heard_until, talk_all_at_once, wait_until_online

with_redis = pytest.mark.parametrize("broker", [Redis], indirect=True)


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    server: Broker = request.param()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def machines(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with ExitStack() as stack:
        machines = machines_with(broker, stack, tmp_path_factory.mktemp("machines"))
        for _ in range(3):
            machines.start()
        yield machines


def contents(client: Client, last: object) -> list[object]:
    return [content for _, content in heard_until(client, last)]


def post(server: RunningServer, path: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://{server.host}:{server.port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def hear_all_talk(machines: Machines, room: str) -> list[list[object]]:
    """What those who only listen hear, one on each server, while somebody on each server says 50 things."""
    listeners = [machines.connect(server, f"l{at}", room) for at, server in enumerate(machines.servers)]
    speakers = [machines.connect(server, f"s{at}", room) for at, server in enumerate(machines.servers)]
    talk_all_at_once(speakers)
    return [contents(listener, "end") for listener in listeners]


def test_everybody_hears_everything_and_what_comes_from_one_server_in_its_order(machines: Machines) -> None:
    for heard in hear_all_talk(machines, "talk"):
        assert len(heard) == 151
        for at in range(3):
            assert [each for each in heard if isinstance(each, list) and each[0] == at] == [
                [at, number] for number in range(50)
            ]


@with_redis
def test_one_order_is_seen_by_those_who_only_listen(machines: Machines) -> None:
    heard = hear_all_talk(machines, "order")
    assert heard[0] == heard[1] == heard[2]


@with_redis
def test_everybody_hears_everything_in_one_order_whichever_server_they_are_on(machines: Machines) -> None:
    clients = [machines.connect(server, f"user{at}") for at, server in enumerate(machines.servers)]
    talk_all_at_once(clients)
    heard = [contents(client, "end") for client in clients]
    assert len(heard[0]) < 151  # Something was heard before the last ack.
    late = machines.connect(machines.servers[1], "late", "other")
    late.send(type="message", content="end")
    assert contents(late, "end") == ["end"]


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


NAMES = [
    *("*", "lob*", "[a-z]", "?", "a}b", "{a}", "\\*", "room:{*}", "hubbub:nodes"),
    *(">", "a.*", "a.>", "a.b", "a", "room.>", "hubbub.nodes", "$SYS.>"),
    *("..", ".", "~", "ä", "%2A", "%2E", "nodes"),
]
"""Names that mean something to Redis, to NATS, or in the address of a room."""


def test_no_name_of_a_room_reaches_another_room_or_the_servers(machines: Machines) -> None:
    one, two = machines.servers[:2]
    here = [machines.connect(one, f"alice{at}", name) for at, name in enumerate(NAMES)]
    there = [machines.connect(two, f"bob{at}", name) for at, name in enumerate(NAMES)]
    for name, client in zip(NAMES, here, strict=True):
        client.send(type="message", content=f"to {name}", id="1")
        client.wait_for(type="ack", id="1")
    for name, client in zip(NAMES, there, strict=True):
        client.send(type="message", content="end")
        assert contents(client, "end") == [f"to {name}", "end"]


@with_redis
def test_no_name_of_a_room_is_a_pattern_for_redis(machines: Machines, broker: Redis) -> None:
    for at, name in enumerate(NAMES):
        machines.connect(machines.servers[0], f"carol{at}", name)
    assert send(broker, "PUBSUB", "NUMPAT") == 0


@with_redis
def test_rooms_without_members_here_are_not_subscribed(machines: Machines, broker: Redis) -> None:
    client = machines.connect(machines.servers[0], "alice", "soon-empty")
    client.send(type="message", content="hello", id="1")
    client.wait_for(type="message")
    channel = f"hubbub:room:{{{quote('soon-empty')}}}"
    assert send(broker, "PUBSUB", "NUMSUB", channel) == [channel.encode(), 1]
    client.send(type="leave", room="soon-empty")
    client.wait_for(type="system", event="left", room="soon-empty")
    other = machines.connect(machines.servers[0], "bob", "soon-full")
    other.send(type="message", content="hello", id="1")
    other.wait_for(type="message")  # Subscribed after the other was unsubscribed.
    assert send(broker, "PUBSUB", "NUMSUB", channel) == [channel.encode(), 0]
