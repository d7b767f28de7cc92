"""When a room of several servers is needed on one of them: as long as somebody is there, or about to be."""

from __future__ import annotations

from ..plugins.recording.moody import MoodyStore, resume_from
from .sharing import Servers, heard


def test_who_enters_while_the_last_one_leaves_hears_everything(servers: Servers, store: MoodyStore) -> None:
    one, two, three = servers.start(), servers.start(), servers.start()
    alice, bob = one.connect("alice"), two.connect("bob")
    query = resume_from(bob)
    alice.say("one")
    one.advance(1)
    carol = three.connect("carol")
    one.advance(1)
    store.seconds = 0.2
    again = three.connect("bob", query=query)  # What he has missed is not at hand there, and takes a moment.
    one.advance(0.1)
    carol.close()
    one.settle()
    alice.say("two")
    one.advance(1)
    alice.say("three")
    one.advance(1)
    assert heard(again) == [(1, "one"), (2, "two"), (3, "three")]


def test_a_room_is_let_go_of_when_who_wanted_to_enter_was_refused(servers: Servers, store: MoodyStore) -> None:
    one = servers.start()
    alice = one.connect("alice", room="other")
    store.seconds = 0.2
    alice.send({"type": "join", "room": "lobby", "since": 0, "epoch": "none"})
    one.advance(0.05)
    alice.close()
    one.advance(1)
    assert servers.brokers[0].rooms == set()


def test_who_enters_while_the_store_is_away_hears_what_comes_when_it_is_back_and_that_something_may_be_missing(
    servers: Servers, store: MoodyStore
) -> None:
    one, two = servers.start(), servers.start()
    alice = one.connect("alice")
    store.is_away = True
    bob = two.connect("bob")
    one.settle()
    store.is_away = False
    alice.say("one")
    one.advance(3)
    assert heard(bob) == []
    news = bob.receive("system", event="renewed")
    assert (news["seq"], news["recovered"]) == (1, False)
    alice.say("two")
    one.advance(1)
    assert heard(bob) == [(2, "two")]
