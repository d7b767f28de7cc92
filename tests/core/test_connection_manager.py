import asyncio

import pytest
from hubbub.core import Broker, Connection, Event, Message, Plugin, PluginConfig, Publication, Rejected, hookimpl
from hubbub.core.news import leave_reason
from hubbub.core.testing import HubForTests


class Subscriptions(Broker):
    """A broker that shows which rooms it was told of, and that can be away."""

    def __init__(self) -> None:
        self.rooms: list[str] = []
        self.is_away = False

    def publish(self, room: str, publication: Publication) -> None:
        if self.is_away:
            raise Rejected("unavailable", "The broker is away; nothing was published.")
        self.receiver.deliver(room, publication)

    def subscribe(self, room: str) -> None:
        self.rooms.append(room)

    def unsubscribe(self, room: str) -> None:
        self.rooms.remove(room)


class SlowGuard(Plugin[PluginConfig]):
    """Takes a second for each guard of the door."""

    @hookimpl
    async def check_connect(self) -> None:
        await asyncio.sleep(1)

    @hookimpl
    async def check_join(self) -> None:
        await asyncio.sleep(1)


def test_who_is_connected_is_known_by_id_and_by_user() -> None:
    with HubForTests() as hub:
        clients = [hub.connect("alice"), hub.connect("alice"), hub.connect("bob")]
        connections = [client.connection for client in clients]
        assert list(hub.manager.connections.values()) == connections
        assert {user: list(each.values()) for user, each in hub.manager.users.items()} == {
            "alice": connections[:2],
            "bob": connections[2:],
        }
        assert len({connection.id for connection in connections}) == 3
        clients[0].close()
        assert list(hub.manager.users) == ["alice", "bob"]
        clients[1].vanish()
        assert list(hub.manager.users) == ["bob"]


def test_no_two_connections_get_the_same_id_whatever_was_sent_between_them() -> None:
    with HubForTests({"chat": {}}) as hub:
        ids: set[str] = set()
        for number in range(3):
            client = hub.connect(f"guest-{number}")
            client.say("hello")
            client.say("hello again")
            ids.add(client.connection.id)
        assert len(ids) == 3


def test_the_time_is_asked_for_once_in_a_turn_of_the_event_loop() -> None:
    with HubForTests() as hub:
        first = hub.manager.timestamp(1.0)
        assert hub.manager.timestamp(1.0) is first
        assert hub.manager.timestamp(2.0) is not first


def test_a_room_knows_its_members_and_counts_each_user_once() -> None:
    with HubForTests() as hub:
        tabs = [hub.connect("alice", "garden"), hub.connect("alice", "garden")]
        bob = hub.connect("bob", "garden", subprotocols=("hubbub.v1.msgpack",))
        room = hub.manager.rooms["garden"]
        assert (len(room), room.online, list(room.users)) == (3, 2, ["alice", "bob"])
        assert set(room.members) == {each.connection for each in (*tabs, bob)}
        assert bob.connection in room
        connection = bob.connection
        bob.send({"type": "leave", "room": "garden"})
        assert (len(room), room.online, connection in room) == (2, 1, False)


def test_an_empty_room_is_forgotten_and_the_broker_is_told() -> None:
    broker = Subscriptions()
    with HubForTests(broker=broker) as hub:
        alice, bob = hub.connect("alice", "garden"), hub.connect("bob", "garden")
        assert broker.rooms == ["garden"]
        alice.send({"type": "join", "room": "attic"})
        assert broker.rooms == ["garden", "attic"]
        alice.send({"type": "leave", "room": "garden"})
        assert list(hub.manager.rooms) == ["garden", "attic"]
        bob.vanish()
        assert (list(hub.manager.rooms), broker.rooms) == (["attic"], ["attic"])
        alice.close()
        assert (dict(hub.manager.rooms), broker.rooms) == ({}, [])


def test_joining_twice_is_one_membership() -> None:
    broker = Subscriptions()
    with HubForTests(broker=broker) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.send({"type": "join", "room": "lobby", "id": "1"})
        assert [event["type"] for event in alice.take()] == ["system", "ack"]
        assert len(hub.manager.rooms["lobby"]) == 1
        alice.send({"type": "leave", "room": "lobby"})
        assert (dict(hub.manager.rooms), broker.rooms) == ({}, [])


def test_two_joins_that_wait_at_the_same_time_are_one_membership() -> None:
    broker = Subscriptions()
    with HubForTests({"slow": {}}, plugins={"slow": SlowGuard}, broker=broker) as hub:
        alice = hub.connect("alice")
        hub.advance(5)
        connection = alice.connection
        for _ in range(2):
            hub.loop.call_soon(hub.manager.join, connection, "garden")
        hub.advance(5)
        assert len(hub.manager.rooms["garden"]) == 1
        alice.send({"type": "leave", "room": "garden"})
        assert list(hub.manager.rooms) == broker.rooms == ["lobby"]


@pytest.mark.parametrize(
    ("limit", "close_code"),
    [("max_connections", 1013), ("max_connections_per_address", 1013), ("max_connections_per_user", 4009)],
)
@pytest.mark.parametrize("is_slow", [False, True])
def test_a_limit_keeps_connections_out_until_another_one_goes(limit: str, close_code: int, is_slow: bool) -> None:
    enabled: dict[str, object] = {"slow": {}} if is_slow else {}
    with HubForTests(enabled, plugins={"slow": SlowGuard}, server={limit: 2}) as hub:
        clients = [hub.connect("alice", f"room-{number}") for number in range(4)]
        hub.advance(5)
        refused = [client for client in clients if client.close_code is not None]
        assert [client.close_code for client in refused] == [close_code, close_code]
        assert all(client.close_reason and not client.events for client in refused)
        next(client for client in clients if client.close_code is None).vanish()
        again = hub.connect("alice")
        hub.advance(5)
        assert again.close_code is None
        assert len(hub.manager.connections) == 2


def test_addresses_and_users_are_counted_apart() -> None:
    with HubForTests(server={"max_connections_per_address": 1, "max_connections_per_user": 2}) as hub:
        hub.connect("alice", address="192.0.2.1")
        assert hub.connect("bob", address="192.0.2.1").close_code == 1013
        assert hub.connect("alice", address="192.0.2.2").close_code is None
        assert hub.connect("alice", address="192.0.2.3").close_code == 4009
        assert hub.connect("bob", address="192.0.2.3").close_code is None


def test_a_connection_may_be_in_so_many_rooms_and_no_more() -> None:
    with HubForTests(server={"max_rooms_per_connection": 2}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "join", "room": "garden"})
        alice.send({"type": "join", "room": "attic", "id": "1"})
        error = alice.receive("error", id="1")
        assert error["code"] == "forbidden"
        assert "2 rooms" in error["message"]
        alice.send({"type": "leave", "room": "lobby"})
        alice.send({"type": "join", "room": "attic", "id": "2"})
        assert alice.receive("ack", id="2")


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_full_room_refuses_and_one_of_the_url_closes(is_slow: bool) -> None:
    enabled: dict[str, object] = {"slow": {}} if is_slow else {}
    rooms = {"options": {"small-*": {"max_members": 1}}}
    with HubForTests(enabled, plugins={"slow": SlowGuard}, server={"max_members_per_room": 2}, rooms=rooms) as hub:
        clients = [hub.connect(name) for name in ("alice", "bob", "carol")]
        hub.advance(5)
        assert [client.close_code for client in clients] == [None, None, 1013]
        for client in clients[:2]:
            client.send({"type": "join", "room": "small-1", "id": "1"})
        hub.advance(5)
        assert clients[0].receive("ack", id="1")
        error = clients[1].receive("error", id="1")
        assert (error["code"], error["retryable"]) == ("room_full", False)
        clients[0].vanish()
        clients[1].send({"type": "join", "room": "small-1", "id": "2"})
        hub.advance(5)
        assert clients[1].receive("ack", id="2")


@pytest.mark.parametrize("room", ["", "with space", "a" * 129, "tab\t", "\u200b", "line\n"])
def test_a_room_needs_a_name_that_can_be_seen(room: str) -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        alice.send({"type": "join", "room": room, "id": "1"})
        error = alice.receive("error", id="1")
        assert (error["code"], error["path"]) == ("invalid", "room")
        assert list(hub.manager.rooms) == ["lobby"]


def test_publish_reaches_every_member_except_the_one_left_out() -> None:
    with HubForTests() as hub:
        alice, bob, carol = hub.connect("alice"), hub.connect("bob"), hub.connect("carol", "garden")
        hub.loop.call_soon(publish, hub, Message(content="hi"), alice.connection)
        hub.settle()
        assert bob.receive("message") == {"type": "message", "room": "lobby", "content": "hi"}
        assert not alice.take("message") + carol.take("message")


def publish(hub: HubForTests, event: Event, exclude: Connection | None = None) -> None:
    hub.manager.publish("lobby", event, exclude=exclude)


def test_an_id_goes_back_to_the_connections_of_its_sender_alone() -> None:
    with HubForTests({"chat": {}}) as hub:
        tabs, bob = [hub.connect("alice"), hub.connect("alice")], hub.connect("bob")
        tabs[0].say("hi", id="1")
        assert [tab.receive("message").get("id") for tab in tabs] == ["1", "1"]
        assert "id" not in bob.receive("message")
        assert tabs[0].take("ack")
        assert not tabs[1].take("ack")


def test_send_to_user_reaches_each_connection_and_counts_them() -> None:
    with HubForTests() as hub:
        tabs, bob = [hub.connect("alice"), hub.connect("alice", "garden")], hub.connect("bob")
        counts: list[int] = []

        def send(user: str) -> None:
            counts.append(hub.manager.send_to_user(user, hub.manager.news("notice", "hello")))

        for user in ("alice", "nobody"):
            hub.loop.call_soon(send, user)
        hub.settle()
        assert counts == [2, 0]
        assert all(tab.receive("system", event="notice") for tab in tabs)
        assert not [event for event in bob.events if event.get("event") == "notice"]


def test_what_cannot_be_encoded_is_refused_before_anybody_receives_it() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        alice.take()
        for room in ("lobby", "empty"):
            with pytest.raises(Rejected) as caught:
                hub.run(published(hub, room, Message(content={"a": {object()}})))
            assert caught.value.code == "invalid"
        assert not alice.events


async def published(hub: HubForTests, room: str, event: Event) -> None:
    await hub.manager.publish(room, event)


def test_a_broker_that_is_away_is_told_to_the_sender_and_nothing_is_published() -> None:
    broker = Subscriptions()
    with HubForTests({"chat": {}}, broker=broker) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        broker.is_away = True
        alice.say("hi", id="1")
        error = alice.receive("error", id="1")
        assert (error["code"], error["retryable"]) == ("unavailable", True)
        assert not bob.take("message") + alice.take("ack")
        broker.is_away = False
        alice.say("hi", id="2")
        assert bob.receive("message", content="hi")


def test_draining_tells_everyone_and_lets_nobody_in() -> None:
    with HubForTests({"presence": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        bob.take()
        hub.run(hub.hub.drain())
        news = bob.receive("system", event="draining")
        assert news["retry_after"] > 0
        assert not bob.events, "nobody is told of everybody else's leaving"
        assert (alice.close_code, bob.close_code) == (1012, 1012)
        assert hub.connect("carol").close_code == 1012
        assert not hub.manager.connections


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        *((1000, "left"), (1001, "left"), (1005, "left"), (1012, "drained")),
        *((1002, "lost"), (1006, "lost"), (1009, "lost"), (1011, "lost"), (4010, "lost")),
        *((4001, "kicked"), (4003, "kicked"), (4008, "kicked")),
    ],
)
def test_a_close_code_says_why_somebody_left(code: int, reason: str) -> None:
    assert leave_reason(code) == reason
