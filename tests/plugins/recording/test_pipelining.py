"""A connection need not wait for the store between its publications; its events keep their order all the same."""

from hubbub.core.testing import HubForTests

from .moody import MoodyStore, Start, contents


def test_the_publications_of_one_connection_are_stored_together(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        store.seconds = 1.0
        for number in range(10):
            alice.say(number)
        hub.advance(2.5)
        assert store.steps == [1, 9]
        assert [(event["seq"], event["content"]) for event in bob.take("message")] == [
            (number + 1, number) for number in range(10)
        ]


def test_each_gets_its_own_answer_in_order(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        hub.advance(1000)
        store.seconds = 1.0
        for number in range(5):
            alice.say(number, id=f"m{number}")
        hub.advance(3)
        assert [(ack["id"], ack["seq"]) for ack in alice.take("ack")] == [(f"m{n}", n + 1) for n in range(5)]


def test_each_gets_its_own_answer_where_they_come_in_one_piece(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        store.seconds = 1.0
        alice = hub.connect("alice", query={"epoch": "x", "since": "1"})
        for number in range(3):  # They wait until she is in, and are then handled in one go.
            alice.say(number, id=f"m{number}")
        alice.say("no answer to this")
        hub.advance(10)
        assert [ack.get("id") for ack in alice.take("ack")] == ["m0", "m1", "m2"]


def test_each_is_refused_under_its_own_id(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        hub.advance(1000)
        store.seconds = 1.0
        for number in range(5):
            alice.say(number, id=f"m{number}")
        store.is_away = True
        hub.advance(3)
        assert [(error["id"], error["code"]) for error in alice.take("error")] == [
            (f"m{number}", "unavailable") for number in range(5)
        ]


def test_what_is_no_publication_waits_for_those_before_it(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.take()
        store.seconds = 1.0
        alice.say("one")
        alice.send({"type": "leave", "room": "lobby", "id": "l"})
        alice.send({"type": "ping", "id": "p"})
        hub.advance(0.5)
        assert alice.events == []
        hub.advance(1)
        assert [event["type"] for event in alice.take()] == ["message", "system", "ack", "pong", "ack"]
        assert contents(bob) == ["one"]


def test_one_connection_may_have_so_many_under_way_and_no_more(start: Start, store: MoodyStore) -> None:
    with HubForTests({"chat": {}, "history": {"store": "moody"}}, server={"inbox_size": 10}) as hub:
        alice = hub.connect("alice")
        store.seconds = 1.0
        sent = 0
        while alice.is_read and sent < 1000:
            alice.say(sent)
            sent += 1
        assert sent < 100
        hub.advance(10)
        assert alice.is_read
        assert contents(alice) == list(range(sent))


def test_a_connection_that_ends_takes_nothing_back(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        store.seconds = 1.0
        for number in range(3):
            alice.say(number, id=str(number))
        alice.vanish()
        hub.advance(5)
        assert contents(bob)[:1] == [0]
