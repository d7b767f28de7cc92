"""Losses of webhooks: counted, told to the receiver, and logged once in a while."""

import logging

import pytest

from .receivers import FAILED, NO_ANSWER, REFUSED, ReceiverInMemory, hub_with, messages, webhooks_of


@pytest.fixture(autouse=True)
def _see_every_line(caplog: pytest.LogCaptureFixture) -> None:  # pyright: ignore[reportUnusedFunction]
    caplog.set_level(logging.DEBUG)


def test_a_batch_that_is_refused_is_not_sent_again_and_the_next_one_tells_of_it() -> None:
    receiver = ReceiverInMemory(REFUSED)
    with hub_with(receiver) as hub:
        hub.connect("alice")
        hub.advance(60)
        assert len(receiver.attempts) == 1
        hub.connect("bob")
        hub.advance(1)
        (body,) = receiver.bodies
        assert (body["lost"], body["events"][0]["seq"]) == (3, 4)
        assert webhooks_of(hub).lost == 3


def test_a_batch_is_given_up_after_its_time_and_the_endpoint_is_not_pressed_harder() -> None:
    receiver = ReceiverInMemory(*[FAILED] * 30)
    with hub_with(receiver, batch_size=3, give_up_after=60, max_retry_seconds=10) as hub:
        hub.connect("alice")
        hub.connect("bob")
        hub.advance(500)
        first, second = dict.fromkeys(batch.id for batch in receiver.attempts)
        assert [batch.id for batch in receiver.attempts].count(first) > 5
        changed = [batch.id for batch in receiver.attempts].index(second)
        assert receiver.times[changed] - receiver.times[0] >= 60
        assert receiver.waits[changed - 1] >= 5
        assert webhooks_of(hub).lost == 5


def test_what_is_lost_is_counted_and_told() -> None:
    receiver = ReceiverInMemory(FAILED, FAILED)
    with hub_with(receiver, events=["published"], max_queue=10, batch_size=5) as hub:
        alice = hub.connect("alice")
        for number in range(100):
            alice.say(str(number))
        assert webhooks_of(hub).lost == 85
        hub.advance(10)
        assert messages(receiver) == [
            ["0", "1", "2", "3", "4"],
            ["90", "91", "92", "93", "94"],
            ["95", "96", "97", "98", "99"],
        ]
        assert [body["lost"] for body in receiver.bodies] == [0, 85, 0]
        last, first = (receiver.bodies[0]["events"][-1]["seq"], receiver.bodies[1]["events"][0]["seq"])
        assert first - last - 1 == 85
        assert webhooks_of(hub).delivered == 15


def test_the_bytes_that_wait_are_bounded_too() -> None:
    receiver = ReceiverInMemory(FAILED)
    with hub_with(receiver, events=["published"], max_queue_bytes=65536, batch_size=1) as hub:
        alice = hub.connect("alice")
        for _ in range(30):
            alice.say("x" * 10_000)
        hub.advance(10)
        assert [len(batch) for batch in messages(receiver)] == [1] * 7
        assert webhooks_of(hub).lost == 23


def test_an_event_that_is_larger_than_the_queue_is_lost_alone() -> None:
    receiver = ReceiverInMemory()
    server = {"max_frame_size": "1MiB"}
    with hub_with(
        receiver, sections={"server": server}, events=["published"], max_queue_bytes=65536, batch_size=3
    ) as hub:
        alice = hub.connect("alice")
        for content in ("one", "x" * 70_000, "two"):
            alice.say(content)
        hub.advance(1)
        assert messages(receiver) == [["one", "two"]]
        assert receiver.bodies[0]["lost"] == 1


def test_a_loss_that_was_told_in_vain_is_told_again() -> None:
    receiver = ReceiverInMemory(REFUSED, REFUSED, REFUSED)
    with hub_with(receiver, events=["published"], batch_size=2) as hub:
        alice = hub.connect("alice")
        for number in range(8):
            alice.say(str(number))
        assert [body["lost"] for body in receiver.bodies] == [6]


def test_losses_are_logged_once_in_a_while_and_not_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    receiver = ReceiverInMemory(NO_ANSWER)
    with hub_with(receiver, events=["published"], max_queue=1, batch_size=1, flush_timeout=0) as hub:
        alice = hub.connect("alice")
        for minute in range(3):
            for _ in range(200):
                alice.say("hi")
            assert (
                len([record for record in caplog.records if record.getMessage().startswith("lost ")]) == minute + 1
            )
            hub.advance(61)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("lost ")]
    assert sum(int(line.split()[1]) for line in lines) == 600
    assert lines[0] == "lost 1 of the events for https://example.com: more events were waiting than may"
