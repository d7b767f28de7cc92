"""Several servers with one store: one order everywhere, and nothing lost that was acknowledged."""

from __future__ import annotations

import asyncio

import pytest
from hubbub.core import Rejected
from hubbub.plugins.history.store import Position

from ..plugins.recording.moody import MoodyStore, resume_from
from .sharing import Servers, heard


def test_everybody_sees_one_order_whichever_server_they_are_on(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    for number in range(10):
        (alice if number % 2 else bob).say(number)
    one.advance(1)
    assert heard(alice) == heard(bob) == [(number + 1, number) for number in range(10)]


def test_events_that_arrive_in_another_order_are_put_in_order(servers: Servers, store: MoodyStore) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    alice.say("one")
    one.advance(1)
    late: list[bytes] = []
    receive = servers.brokers[1].received
    servers.brokers[1].received = lambda room, payload: late.append(payload)  # type: ignore[method-assign]
    for text in ("two", "three", "four"):
        alice.say(text)
    one.settle()

    async def arrive() -> None:
        for payload in reversed(late):
            receive("lobby", payload)
            receive("lobby", payload)

    one.run(arrive())
    assert heard(bob) == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]
    assert heard(alice)[-1] == (4, "four")


def test_what_does_not_arrive_is_read_from_the_store(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    servers.brokers[1].is_deaf = True
    for text in ("one", "two"):
        alice.say(text)
    one.advance(1)
    assert heard(bob) == []
    servers.brokers[1].is_deaf = False
    alice.say("three")
    one.settle()
    assert heard(bob) == []
    one.advance(1)
    assert heard(bob) == [(1, "one"), (2, "two"), (3, "three")]


def test_what_was_stored_by_a_server_that_died_before_it_went_out_goes_out_when_it_is_sent_again(
    servers: Servers,
) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")

    async def send(room: str, payload: bytes) -> None:
        raise Rejected("unavailable", "The server died.")

    servers.brokers[0].send = send  # type: ignore[method-assign]
    alice.say("hello", id="1")
    one.settle()
    assert alice.receive("error")["code"] == "unavailable"
    again = two.connect("alice")
    again.say("hello", id="1")
    one.advance(1)
    ack = again.receive("ack")
    assert (ack["duplicate"], ack["seq"]) == (True, 1)
    assert heard(bob) == [(1, "hello")]
    assert heard(again) == [(1, "hello")]


def test_the_same_id_is_published_once_whichever_server_gets_it(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    here, there, bob = one.connect("alice"), two.connect("alice"), two.connect("bob")
    here.say("hello", id="1")
    one.advance(1)
    there.say("hello", id="1")
    one.advance(1)
    assert there.receive("ack")["duplicate"] is True
    assert heard(bob) == [(1, "hello")]


def test_who_resumes_on_another_server_misses_nothing(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), one.connect("bob")
    query = resume_from(alice)
    alice.close()
    for number in range(5):
        bob.say(number)
    one.advance(1)
    again = two.connect("alice", query=query)
    assert again.receive("system", event="joined")["recovered"] is True
    bob.say(5)
    one.advance(1)
    assert heard(again) == [(number + 1, number) for number in range(6)]


def test_when_the_broker_is_back_everybody_gets_what_was_published_meanwhile(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    one.run(servers.brokers[1].cut())
    alice.say("one")
    bob.say("refused", id="b")
    one.advance(1)
    assert bob.receive("error", id="b")["code"] == "unavailable"
    assert heard(bob) == []
    one.run(servers.brokers[1].mend())
    one.advance(1)
    assert heard(bob) == [(1, "one")]
    assert bob.take("gap") == []
    del alice


def test_what_is_refused_because_the_broker_is_away_is_not_stored_to_come_out_later(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    one.run(servers.brokers[0].cut())
    alice.say("one", id="1")
    one.advance(1)
    assert "nothing was published" in alice.receive("error", id="1")["message"]
    one.run(servers.brokers[0].mend())
    one.advance(1)
    bob.say("two")
    one.advance(1)
    assert heard(alice) == heard(bob) == [(1, "two")]


def test_what_is_no_longer_kept_is_told_by_a_gap(servers: Servers) -> None:
    one, two = servers.start(keep=3, trim_interval=1), servers.start(keep=3, trim_interval=1)
    alice, bob = one.connect("alice"), two.connect("bob")
    one.run(servers.brokers[1].cut())
    for number in range(10):
        alice.say(number)
    one.advance(3)
    one.run(servers.brokers[1].mend())
    one.advance(1)
    gap = bob.receive("gap")
    assert (gap["from"], gap["to"], gap["lost"]) == (1, 7, 7)
    assert heard(bob) == [(8, 7), (9, 8), (10, 9)]


def test_a_history_that_was_lost_begins_anew_and_everybody_is_told(servers: Servers, store: MoodyStore) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    alice.say("one")
    one.advance(1)
    one.run(store.forget("lobby"))
    alice.say("two", id="2")
    one.advance(1)
    assert alice.receive("ack")["seq"] == 1
    assert "begins anew" in bob.receive("system", event="renewed")["message"]
    alice.say("three", id="3")
    one.advance(1)
    assert heard(bob)[-1] == (2, "three")


def answer_late(store: MoodyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store tell where a room was a moment ago."""
    tell = store.open

    async def tell_late(room: str, *, now: float) -> Position:
        position = await tell(room, now=now)
        await asyncio.sleep(0.5)
        return position

    monkeypatch.setattr(store, "open", tell_late)


def find_the_broker_again(servers: Servers) -> None:
    servers.hubs[0].run(servers.brokers[1].cut())
    servers.hubs[0].run(servers.brokers[1].mend())


def test_what_arrives_while_the_store_is_asked_is_no_sign_that_the_store_has_lost_it(
    servers: Servers, store: MoodyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    answer_late(store, monkeypatch)
    find_the_broker_again(servers)
    for text in ("one", "two"):
        alice.say(text)
    one.advance(1)
    assert [event for event in bob.take("system") if event["event"] == "renewed"] == []
    assert heard(bob) == [(1, "one"), (2, "two")]


def test_what_is_missed_while_the_store_is_asked_is_asked_for_again(
    servers: Servers, store: MoodyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    answer_late(store, monkeypatch)
    find_the_broker_again(servers)
    one.advance(0.1)  # By now the store has been asked, and knows of nothing.
    servers.brokers[1].is_deaf = True
    alice.say("one")
    one.settle()
    find_the_broker_again(servers)
    one.advance(2)
    assert heard(bob) == [(1, "one")]
    find_the_broker_again(servers)
    one.advance(0.1)
    alice.say("two")
    one.settle()
    servers.brokers[1].is_deaf = False
    alice.say("three")
    one.advance(2)
    assert heard(bob) == [(2, "two"), (3, "three")]


def test_a_store_that_has_lost_its_last_events_gets_a_new_epoch_which_all_servers_learn(
    servers: Servers, store: MoodyStore
) -> None:
    one, two = servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    epoch = alice.receive("system", event="joined")["epoch"]
    for text in ("one", "two", "three"):
        alice.say(text)
    one.advance(1)

    async def lose_some() -> None:
        await store.forget("lobby")
        await store.restore("lobby", epoch, 1, now=0.0)

    one.run(lose_some())
    find_the_broker_again(servers)
    one.advance(1)
    alice.say("four")
    one.advance(1)
    news = [client.receive("system", event="renewed") for client in (alice, bob)]
    assert news[0]["epoch"] == news[1]["epoch"] != epoch
    again = two.connect("carol", query={"epoch": epoch, "since": "2"})
    assert again.receive("system", event="joined")["recovered"] is False


def test_a_server_without_members_neither_subscribes_nor_keeps_anything(servers: Servers) -> None:
    one, two = servers.start(), servers.start()
    alice = one.connect("alice")
    alice.close()
    one.advance(1)
    assert [broker.rooms for broker in servers.brokers] == [set(), set()]
    one.run(two.hub.publish("lobby", "hello", user="news"))
    one.advance(1)
    assert [broker.rooms for broker in servers.brokers] == [set(), set()]
    bob = one.connect("bob")
    assert bob.receive("system", event="joined")["seq"] == 1
