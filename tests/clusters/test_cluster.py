from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hubbub.core.testing import ClientForTests, HubForTests

from .bus import Bus, BusBroker

ENABLED: dict[str, object] = {"chat": {}, "presence": {}}


class Cluster:
    """Servers on one clock, connected by a bus."""

    def __init__(self, stack: ExitStack) -> None:
        self.bus = Bus()
        self.stack = stack
        self.hubs: list[HubForTests] = []
        self.brokers: list[BusBroker] = []

    def start(self, server: dict[str, object] | None = None) -> HubForTests:
        broker = BusBroker(self.bus)
        beside = self.hubs[0] if self.hubs else None
        hub = self.stack.enter_context(HubForTests(ENABLED, broker=broker, beside=beside, server=server or {}))
        self.hubs.append(hub)
        self.brokers.append(broker)
        hub.advance(0.1)
        return hub

    def kill(self, hub: HubForTests) -> None:
        """Let a server be gone without a word."""
        broker = self.brokers[self.hubs.index(hub)]
        broker.is_cut = True


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack)


def told(client: ClientForTests) -> list[tuple[str, str | None, int | None]]:
    return [(event["event"], event.get("user"), event.get("online")) for event in client.take("system")]


def settle(*hubs: HubForTests) -> None:
    for hub in hubs:
        hub.advance(0.1)


def test_a_room_is_one_room_on_all_servers(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    settle(one)
    alice.say("hello", id="1")
    settle(one)
    assert alice.receive("message")["id"] == "1"
    assert alice.receive("ack")["id"] == "1"
    message = bob.receive("message")
    assert (message["user"], message["content"], "id" in message) == ("alice", "hello", False)


def test_a_room_is_subscribed_only_where_it_has_members(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice", "garden")
    settle(one, two)
    assert [broker.rooms for broker in cluster.brokers] == [{"garden"}, set()]
    alice.close()
    assert cluster.brokers[0].rooms == set()


def test_comings_and_goings_are_told_on_every_server_once(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice")
    bob = two.connect("bob")
    settle(one)
    assert told(alice)[-1] == ("joined", "bob", 2)
    settle(one)
    bob_elsewhere = one.connect("bob")
    settle(one)
    assert told(alice) == []
    bob.close()
    settle(one)
    assert told(alice) == []
    bob_elsewhere.close()
    settle(one)
    assert told(alice) == [("left", "bob", 1)]


def test_presence_lists_everybody_wherever_they_are(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice")
    two.connect("bob")
    two.connect("alice")
    settle(one)
    alice.send({"type": "presence"})
    answer = alice.receive("presence")
    assert answer["online"] == 2
    assert [(each["user"], each["connections"]) for each in answer["users"]] == [("alice", 2), ("bob", 1)]


def test_a_server_that_starts_later_learns_who_is_there(cluster: Cluster) -> None:
    one = cluster.start()
    one.connect("alice")
    settle(one)
    two = cluster.start()
    bob = two.connect("bob")
    settle(one)
    bob.send({"type": "presence"})
    assert bob.receive("presence")["online"] == 2


def test_users_of_a_server_that_dies_are_lost_once_when_its_lease_is_over(cluster: Cluster) -> None:
    one, two, three = cluster.start(), cluster.start(), cluster.start()
    alice, carol = one.connect("alice"), three.connect("carol")
    two.connect("bob")
    settle(one)
    for each in (alice, carol):
        each.take()
    cluster.kill(two)
    one.advance(3)
    assert told(alice) == []
    alice.send({"type": "presence"})
    bob = next(each for each in alice.receive("presence")["users"] if each["user"] == "bob")
    assert bob["unconfirmed"] is True
    one.advance(2.01)  # The lease begins with the last sign of life, which was earlier.
    for each in (alice, carol):
        assert [(event["event"], event["user"], event["reason"]) for event in each.take("system")] == [
            ("left", "bob", "lost")
        ]


def test_nobody_is_taken_for_gone_while_the_broker_is_silent_though_it_does_not_count_as_away(
    cluster: Cluster,
) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice")
    two.connect("bob")
    settle(one)
    alice.take()
    for broker in cluster.brokers:
        broker.is_cut = True
    one.advance(10)
    for broker in cluster.brokers:
        broker.is_cut = False
    one.advance(10)
    assert told(alice) == []
    cluster.kill(two)
    one.advance(5.01)
    assert alice.receive("system", event="left")["reason"] == "lost"


def test_a_server_that_was_held_up_itself_takes_nobody_for_gone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice")
    two.connect("bob")
    settle(one)
    alice.take()
    time = one.manager.now
    monkeypatch.setattr(one.manager, "now", lambda: time() + 30)
    one.advance(10)
    assert told(alice) == []
    cluster.kill(two)
    one.advance(5.01)
    assert alice.receive("system", event="left")["reason"] == "lost"


def test_a_server_that_goes_down_in_good_order_takes_its_leave(cluster: Cluster) -> None:
    one = cluster.start()
    alice = one.connect("alice")
    with HubForTests(ENABLED, broker=BusBroker(cluster.bus), beside=one) as two:
        two.connect("bob")
        settle(one)
        assert one.manager.online("lobby") == 2
    settle(one)
    assert one.manager.online("lobby") == 1
    assert one.manager.cluster.peers == {}
    assert told(alice)[-2:] == [("joined", "bob", 2), ("left", "bob", 1)]


def test_a_private_message_finds_its_receiver_on_any_server(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    alices_tab = two.connect("alice")
    settle(one)
    alice.send({"type": "private", "to": "bob", "content": "psst", "id": "1"})
    settle(one)
    assert bob.receive("private")["content"] == "psst"
    assert alice.receive("private")["id"] == "1"
    assert alice.receive("ack")["id"] == "1"
    assert alices_tab.receive("private")["content"] == "psst"
    alice.send({"type": "private", "to": "zoe", "content": "psst", "id": "2"})
    assert alice.receive("error")["code"] == "user_offline"


def test_a_user_can_be_reached_removed_and_hung_up_on_from_any_server(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    bob = two.connect("bob")
    settle(one)
    bob.take()
    reach = one.manager.reach
    assert one.run(reach.send_to_user("bob", one.manager.news("notice", "Dinner!"))) == 1
    assert one.run(reach.send_to_all(one.manager.news("notice", "All of you!"))) == 1
    assert one.run(reach.remove("bob", "lobby")) == 1
    settle(one)
    assert [event["event"] for event in bob.take("system")] == ["notice", "notice", "left"]
    assert one.run(reach.hang_up("bob", 4003, "Goodbye.")) == 1
    settle(one)
    assert (bob.close_code, bob.close_reason) == (4003, "Goodbye.")


def test_while_the_broker_is_away_publishing_is_refused_and_nobody_is_taken_for_gone(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice, _ = one.connect("alice"), two.connect("bob")
    settle(one)
    alice.take()
    one.run(cluster.brokers[0].cut())
    one.advance(60)
    alice.say("hello", id="1")
    settle(one)
    assert alice.receive("error")["code"] == "unavailable"
    assert told(alice) == []
    assert one.manager.troubles == {"broker": "the broker is away"}
    one.run(cluster.brokers[0].mend())
    assert alice.receive("gap")["room"] == "lobby"
    one.advance(2)
    assert one.manager.troubles == {}
    alice.say("hello", id="1")
    settle(one)
    assert alice.receive("ack")["id"] == "1"


def test_changes_that_were_missed_are_made_up_for(cluster: Cluster) -> None:
    one, two = cluster.start(), cluster.start()
    alice = one.connect("alice")
    settle(one)
    cluster.brokers[0].is_cut = True
    bob = two.connect("bob")
    one.advance(1)
    cluster.brokers[0].is_cut = False
    one.advance(3)
    assert one.manager.online("lobby") == 2
    bob.close()
    one.advance(1)
    assert one.manager.online("lobby") == 1
    assert [event[0] for event in told(alice)][-2:] == ["joined", "left"]


def test_a_mass_of_comings_is_told_to_other_servers_in_few_messages(cluster: Cluster) -> None:
    limits: dict[str, object] = {"max_connections_per_address": 10_000, "connects_per_minute_per_address": 100_000}
    one, two = cluster.start(server=limits), cluster.start(server=limits)
    watcher = two.connect("watcher")
    before = cluster.brokers[0].sent["tell"]
    clients = [one.connect(f"user-{number}") for number in range(500)]
    settle(one)
    one.advance(3)
    assert two.manager.online("lobby") == 501
    assert cluster.brokers[0].sent["tell"] - before < 20
    assert len(watcher.take("system")) < 120
    assert watcher.events == []
    for client in clients[::2]:
        client.close()
    one.advance(3)
    assert two.manager.online("lobby") == one.manager.online("lobby") == 251


def test_what_is_no_message_of_a_server_is_left_alone(cluster: Cluster) -> None:
    one = cluster.start()
    for payload in (b"", b"\x00", b"\xc1", b"[]", b"\x93\xa5alive"):
        one.manager.cluster.hear(payload)
        one.manager.publisher.broker.received("lobby", payload)  # type: ignore[attr-defined]
    assert one.manager.cluster.peers == {}
