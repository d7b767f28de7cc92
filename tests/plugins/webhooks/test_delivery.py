"""Delivery of webhooks: batches, attempts and the end, on virtual time."""

import asyncio
import logging
from typing import Any

import pytest
from hubbub.plugins.webhooks.endpoint import Answer

from .receivers import (
    ACCEPTED,
    FAILED,
    NO_ANSWER,
    REFUSED,
    SECRET,
    ReceiverInMemory,
    hub_with,
    messages,
    webhooks_of,
)


@pytest.fixture(autouse=True)
def _see_every_line(caplog: pytest.LogCaptureFixture) -> None:  # pyright: ignore[reportUnusedFunction]
    caplog.set_level(logging.DEBUG)


# Batches


def test_events_wait_for_others_to_go_with_them() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"], batch_seconds=2) as hub:
        alice = hub.connect("alice")
        alice.say("one")
        hub.advance(1)
        alice.say("two")
        hub.advance(0.9)
        assert receiver.attempts == []
        hub.advance(0.1)
        assert messages(receiver) == [["one", "two"]]
        alice.say("three")
        hub.advance(1.9)
        assert len(receiver.attempts) == 1
        hub.advance(0.1)
        assert messages(receiver) == [["one", "two"], ["three"]]


def test_a_full_batch_goes_at_once_and_the_rest_waits() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"], batch_size=2, batch_seconds=5) as hub:
        alice = hub.connect("alice")
        for number in range(3):
            alice.say(str(number))
        assert messages(receiver) == [["0", "1"]]
        hub.advance(5)
        assert messages(receiver) == [["0", "1"], ["2"]]


def test_a_batch_has_no_more_bytes_than_it_may_unless_one_event_alone_has_them() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"], batch_bytes=2048, batch_seconds=5) as hub:
        alice = hub.connect("alice")
        for size in (500, 700, 700, 4000, 10):
            alice.say("x" * size)
        hub.advance(5)
    assert [[len(each) for each in batch] for batch in messages(receiver)] == [[500, 700], [700], [4000], [10]]
    assert all(len(batch.body) < 2048 + 200 for batch in receiver.accepted if batch.size > 1)


def test_a_batch_waits_for_the_one_before_it() -> None:
    receiver = ReceiverInMemory(FAILED, FAILED)
    with hub_with(receiver, events=["published"], batch_size=1) as hub:
        alice = hub.connect("alice")
        for number in range(4):
            alice.say(str(number))
        assert [batch.id for batch in receiver.attempts] == [receiver.attempts[0].id]
        hub.advance(10)
        assert messages(receiver) == [["0"], ["1"], ["2"], ["3"]]


def test_a_slow_endpoint_does_not_slow_a_publication() -> None:
    receiver = ReceiverInMemory(NO_ANSWER)
    with hub_with(receiver, events=["published"], batch_size=1, flush_timeout=0) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        started = hub.manager.now()
        for number in range(1000):
            alice.say(str(number), id=f"m{number}")
            assert bob.receive("message", content=str(number))
            assert alice.receive("ack", id=f"m{number}")
        assert hub.manager.now() == started
        assert len(receiver.attempts) == 1


# Attempts


def test_a_batch_that_is_sent_again_has_the_same_id_and_the_same_body() -> None:
    receiver = ReceiverInMemory(FAILED, FAILED)
    with hub_with(receiver) as hub:
        hub.connect("alice")
        hub.advance(30)
        assert len(receiver.attempts) == 3
        assert len({(batch.id, batch.body) for batch in receiver.attempts}) == 1
        hub.connect("bob")
        hub.advance(1)
        assert receiver.attempts[-1].id != receiver.attempts[0].id
        assert webhooks_of(hub).delivered == 5


def test_attempts_become_rarer_and_partly_at_random() -> None:
    receiver = ReceiverInMemory(*[FAILED] * 12)
    with hub_with(receiver, retry_seconds=2, max_retry_seconds=100) as hub:
        hub.connect("alice")
        hub.advance(2000)
        assert len(receiver.waits) == 12
        for wait, longest in zip(receiver.waits, [2, 4, 8, 16, 32, 64, *[100] * 6], strict=True):
            assert longest / 2 <= wait <= longest
        assert len({round(wait, 6) for wait in receiver.waits[6:]}) == 6
        assert len(receiver.accepted) == 1


def test_thousands_of_attempts_do_not_overflow_the_wait() -> None:
    receiver = ReceiverInMemory(*[FAILED] * 2000)
    with hub_with(receiver, give_up_after=None, max_retry_seconds=1) as hub:
        hub.connect("alice")
        hub.advance(2100)
        assert len(receiver.accepted) == 1


def test_after_a_success_the_waits_are_short_again() -> None:
    receiver = ReceiverInMemory(FAILED, FAILED, FAILED, ACCEPTED, FAILED)
    with hub_with(receiver, batch_size=3) as hub:
        hub.connect("alice")
        hub.advance(20)
        hub.connect("bob")
        hub.advance(20)
        assert len(receiver.accepted) == 2
        assert receiver.waits[-1] <= 1


@pytest.mark.parametrize(("asked", "waited"), [(20.0, 20.0), (9999.0, 60.0), (0.0, None)])
def test_retry_after_is_heeded_within_bounds(asked: float, waited: float | None) -> None:
    receiver = ReceiverInMemory(Answer("failed", "it answered 429", asked))
    with hub_with(receiver, max_retry_seconds=60) as hub:
        hub.connect("alice")
        hub.advance(100)
        (wait,) = receiver.waits
        assert wait == pytest.approx(waited) if waited is not None else 0.5 <= wait <= 1


def test_an_outage_is_logged_at_its_beginning_and_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    receiver = ReceiverInMemory(*[FAILED] * 5)
    with hub_with(receiver) as hub:
        hub.connect("alice")
        hub.advance(100)
    assert [record.getMessage() for record in caplog.records if "webhooks" in record.name] == [
        "https://example.com does not take events: it answered 500; trying again",
        "https://example.com takes events again; failed attempts before: 5",
    ]


# The end


def test_a_shutdown_sends_what_waits() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"], batch_size=2, batch_seconds=1000) as hub:
        alice = hub.connect("alice")
        for number in range(5):
            alice.say(str(number))
    assert messages(receiver) == [["0", "1"], ["2", "3"], ["4"]]
    assert receiver.is_closed


def test_a_shutdown_tries_once_more_without_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    receiver = ReceiverInMemory(Answer("failed", "it answered 503", 300.0))
    with hub_with(receiver, events=["connected"]) as hub:
        hub.connect("alice")
        hub.advance(1)
        assert len(receiver.attempts) == 1
        started = hub.manager.now()
    assert len(receiver.accepted) == 1
    assert receiver.times[-1] - started < 1
    assert "lost " not in caplog.text


@pytest.mark.parametrize(("options", "longest"), [({"flush_timeout": 2}, 2.0), ({"hook_timeout": 0.5}, 0.5)])
def test_an_endpoint_that_hangs_holds_up_a_shutdown_for_a_bounded_time(
    options: dict[str, Any], longest: float, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = ReceiverInMemory(NO_ANSWER)
    with hub_with(receiver, events=["connected"], batch_size=2, **options) as hub:
        for user in ("alice", "bob", "carol"):
            hub.connect(user)
        plugin, started = webhooks_of(hub), hub.manager.now()
        hub.run(hub.hub.stop())
        assert hub.manager.now() - started <= longest + 0.2
    assert receiver.is_closed
    assert plugin.lost == 3
    said = "lost 3 of the events for https://example.com: the server stopped before they could be delivered"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [said]


def test_an_endpoint_that_fails_to_the_end_does_not_hold_up_a_shutdown_either() -> None:
    receiver = ReceiverInMemory(*[FAILED] * 1000)
    with hub_with(receiver) as hub:
        hub.connect("alice")
        hub.advance(5)
        plugin, started = webhooks_of(hub), hub.manager.now()
        hub.run(hub.hub.stop())
        assert hub.manager.now() - started <= 3.2
        assert plugin.lost == 6


def test_neither_the_secret_nor_the_path_of_the_url_is_in_any_log_line(caplog: pytest.LogCaptureFixture) -> None:
    receiver = ReceiverInMemory(FAILED, REFUSED, FAILED, *[FAILED] * 100)
    with hub_with(receiver, max_queue=1, batch_size=1, give_up_after=2) as hub:
        for number in range(10):
            hub.connect(f"user{number}")
            hub.advance(5)
        plugin = webhooks_of(hub)
    assert "https://example.com" in caplog.text
    for text in (caplog.text, repr(plugin.config), str(plugin.config), repr(vars(plugin))):
        assert SECRET not in text
        assert SECRET.removeprefix("whsec_") not in text
        assert "path-that-nobody-may-know" not in text


def test_no_task_is_left_behind() -> None:
    with hub_with(ReceiverInMemory(NO_ANSWER), flush_timeout=0) as hub:
        hub.connect("alice")
        hub.advance(2)
        hub.run(hub.hub.stop())
        hub.settle()
        assert not asyncio.all_tasks(hub.loop)
