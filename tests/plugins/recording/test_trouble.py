import json
import logging
from typing import Any

import pytest
from hubbub.core.health import health_routes
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .moody import MoodyStore, Start, contents, resume_from


def test_while_the_store_is_away_publishing_is_refused_and_nothing_goes_out(
    start: Start, store: MoodyStore, caplog: pytest.LogCaptureFixture
) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        store.is_away = True
        for number in range(3):
            alice.say(number, id=str(number))
        errors = alice.take("error")
        assert [(error["code"], error["retryable"], error["id"]) for error in errors] == [
            ("unavailable", True, str(number)) for number in range(3)
        ]
        assert contents(alice) == []
        assert hub.manager.troubles == {"history": "the history store is away"}
        alerts = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(alerts) == 1
        assert "The disk is full: make room on it." in alerts[0].getMessage()


def test_service_resumes_by_itself(start: Start, store: MoodyStore, caplog: pytest.LogCaptureFixture) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        store.is_away = True
        alice.say("lost", id="1")
        hub.advance(60)
        store.is_away = False
        hub.advance(10)
        assert hub.manager.troubles == {}
        assert "history is written again" in caplog.text
        alice.say("found", id="2")
        assert contents(alice) == ["found"]
        assert alice.receive("ack")["seq"] == 1


def test_a_server_starts_while_its_store_is_away(start: Start, store: MoodyStore) -> None:
    store.is_away = True
    with start() as hub:
        alice = hub.connect("alice")
        assert alice.close_code is None
        assert "seq" not in alice.receive("system", event="joined")
        alice.say("lost", id="1")
        assert alice.receive("error")["code"] == "unavailable"
        store.is_away = False
        hub.advance(10)
        alice.say("found", id="1")
        assert alice.receive("ack")["seq"] == 1


def test_a_server_starts_while_its_store_does_not_answer(start: Start, store: MoodyStore) -> None:
    store.seconds = 60.0
    with start() as hub:
        alice = hub.connect("alice")
        alice.say("lost", id="1")
        assert alice.receive("error")["code"] == "unavailable"
        assert hub.manager.troubles == {"history": "the history store is away"}
        store.seconds = 0.0
        hub.advance(10)
        alice.say("found", id="1")
        assert alice.receive("ack")["seq"] == 1


def test_who_wants_to_resume_while_the_store_is_away_is_told_to_come_back(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
    with start() as hub:
        store.is_away = True
        again = hub.connect("alice", query=query)
        assert again.close_code == 1013


def test_what_was_stored_without_an_answer_goes_out_later_and_is_not_published_twice(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.say("one", id="1")
        hub.advance(1000)  # The server has run long enough to know every id itself.
        store.answers = False
        alice.say("two", id="2")
        assert alice.receive("error")["code"] == "unavailable"
        assert contents(bob) == ["one"]
        store.answers = True
        hub.advance(10)
        assert contents(bob) == ["two"]
        alice.say("two", id="2")
        ack = alice.receive("ack", id="2")
        assert (ack["duplicate"], ack["seq"]) == (True, 2)
        alice.say("three")
        assert [(event["seq"], event["content"]) for event in bob.take("message")] == [(3, "three")]


def test_another_server_at_the_same_store_costs_no_event(start: Start, store: MoodyStore) -> None:
    with start() as one, start() as two:
        here, there = one.connect("alice"), two.connect("bob")
        here.say("one")
        there.say("two", id="2")
        assert there.receive("ack")["seq"] == 2
        assert [(event["seq"], event["content"]) for event in there.take("message")] == [(1, "one"), (2, "two")]
        here.say("three", id="3")
        assert here.receive("ack")["seq"] == 3


def test_what_another_server_has_stored_meanwhile_is_not_published_again(start: Start, store: MoodyStore) -> None:
    with start() as old, start() as new:
        before, now = old.connect("alice"), new.connect("alice")
        before.say("one", id="1")
        store.seconds, store.reads_aside = 1.0, True
        before.say("two", id="2")
        before.vanish()  # While this is on its way to the store.
        for text, id_ in (("two", "2"), ("three", "3")):
            now.say(text, id=id_)
        old.advance(2)
        new.advance(3)
        ack = now.receive("ack", id="2")
        assert (ack["seq"], ack["duplicate"]) == (2, True)
        assert [(event["seq"], event["content"]) for event in now.take("message")] == [
            (1, "one"),
            (2, "two"),
            (3, "three"),
        ]


def test_a_store_that_has_lost_what_it_promised_gives_the_room_a_new_epoch(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        query = resume_from(alice)
        alice.say("one")
        hub.run(store.forget("lobby"))
        alice.say("two", id="2")
        assert alice.receive("ack")["seq"] == 1
        renewed = alice.receive("system", event="renewed")
        assert (renewed["seq"], renewed["recovered"], renewed["epoch"] != query["epoch"]) == (0, False, True)
        again = hub.connect("alice", query=query)
        joined = again.receive("system", event="joined")
        assert (joined["recovered"], joined["epoch"] != query["epoch"]) == (False, True)


def test_readiness_says_that_the_store_is_away(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        routes = [route for route in health_routes(hub.hub) if isinstance(route, Route)]
        readyz = next(route for route in routes if route.path == "/readyz")

        def ask() -> tuple[int, Any]:
            answer: Response = hub.run(readyz.endpoint(Request({"type": "http"})))
            return answer.status_code, json.loads(bytes(answer.body))

        assert ask()[0] == 200
        store.is_away = True
        hub.connect("alice").say("one")
        assert ask() == (503, {"status": "unavailable", "troubles": {"history": "the history store is away"}})


def test_a_bounded_number_waits(start: Start, store: MoodyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubbub.plugins.history.room_recorder.MOST_WAITING", 3)
    with start() as hub:
        store.seconds = 1.0
        people = [hub.connect(f"user-{number}") for number in range(6)]
        for each in people:
            each.say("hello", id="1")
        hub.advance(10)
        assert sum(len(each.take("ack")) for each in people) == 4
        assert sum(len(each.take("error")) for each in people) == 2
