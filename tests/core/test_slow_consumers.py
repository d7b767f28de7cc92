"""What a client that does not keep up gets, by the policy of room and type, and how it learns what it missed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubbub.core.testing import ClientForTests, HubForTests

LIMIT = 4096


def contents(client: ClientForTests) -> list[str | tuple[str, int]]:
    """What has come: the contents of messages, and gaps as (room, how many are lost)."""
    return [
        event["content"] if event["type"] == "message" else (event["room"], event["lost"])
        for event in client.take()
        if event["type"] in ("message", "gap")
    ]


def crowded(hub: HubForTests, number: int = 60) -> tuple[ClientForTests, ClientForTests]:
    """Alice says the numbers up to ``number`` while bob does not read."""
    alice, bob = hub.connect("alice"), hub.connect("bob")
    alice.take()
    bob.take()
    bob.stop_reading()
    for each in range(number):
        alice.say(f"{each:04}" + "." * 50)
    return alice, bob


def numbers(of: list[str | tuple[str, int]]) -> list[int]:
    return [int(each[:4]) for each in of if isinstance(each, str)]


@pytest.fixture(params=["drop_oldest", "drop_newest"])
def lossy(request: pytest.FixtureRequest) -> Iterator[HubForTests]:
    rooms = {"slow_consumers": request.param}
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms) as hub:
        yield hub


def test_by_default_a_slow_client_is_closed_and_the_others_miss_nothing() -> None:
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}) as hub:
        alice, bob = crowded(hub)
        assert bob.close_code == 4008
        assert "too slow" in bob.close_reason
        assert numbers(contents(alice)) == list(range(60))


def test_a_client_that_reads_again_in_time_misses_nothing() -> None:
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}) as hub:
        alice, bob = crowded(hub, 20)
        bob.start_reading()
        alice.say("0020")
        assert numbers(contents(bob)) == list(range(21))
        assert bob.close_code is None


def test_what_is_dropped_is_told_in_its_place_and_nothing_else_is_missing(lossy: HubForTests) -> None:
    alice, bob = crowded(lossy)
    bob.start_reading()
    alice.say("0060")
    got = contents(bob)
    (gap,) = [each for each in got if isinstance(each, tuple)]
    before, after = numbers(got[: got.index(gap)]), numbers(got[got.index(gap) :])
    assert gap[0] == "lobby"
    assert before + after == sorted(before + after)
    assert len(before) + gap[1] + len(after) == 61
    assert after[0] - before[-1] - 1 == gap[1]
    assert sum(lossy.manager.dropped.values()) == gap[1]


def test_the_oldest_or_the_newest_are_dropped_as_the_policy_says() -> None:
    kept: dict[str, list[int]] = {}
    for policy in ("drop_oldest", "drop_newest"):
        rooms = {"slow_consumers": policy}
        with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms) as hub:
            _, bob = crowded(hub)
            bob.start_reading()
            kept[policy] = numbers(contents(bob))
    assert kept["drop_oldest"][-1] == 59
    assert kept["drop_newest"] == list(range(len(kept["drop_newest"])))


def test_what_waits_for_a_slow_client_is_bounded_however_much_is_said(lossy: HubForTests) -> None:
    alice, bob = crowded(lossy, 10)
    for _ in range(5):
        for each in range(200):
            alice.say(f"{each:04}" + "." * 50)
    bob.start_reading()
    waited = sum(len(event["content"]) for event in bob.take("message"))
    assert waited < LIMIT
    assert lossy.manager.dropped.total() > 900


def test_conflate_keeps_the_newest_of_each_key() -> None:
    rooms = {"slow_consumers": "conflate", "conflate_by": "content.symbol"}
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        bob.take()
        bob.stop_reading()
        for price in range(90):
            alice.say({"symbol": "ABC"[price % 3], "price": price, "padding": "." * 50})
        bob.start_reading()
        messages = bob.take("message")
        newest = [event["content"]["price"] for event in messages[-3:]]
        assert newest == [87, 88, 89]
        assert 90 - len(messages) == hub.manager.dropped["conflate"]


def test_a_policy_may_differ_by_room_and_by_type() -> None:
    rooms = {
        "slow_consumers": {"message": "drop_oldest", "*": "close"},
        "options": {"vip-*": {"slow_consumers": "close"}},
    }
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms) as hub:
        _, bob = crowded(hub)
        assert bob.close_code is None
        speaker, listener = hub.connect("carol", "vip-1"), hub.connect("dave", "vip-1")
        listener.stop_reading()
        for _ in range(60):
            speaker.say("." * 60)
        assert listener.close_code == 4008


def test_a_reply_is_not_dropped_for_messages_and_stays_in_order_with_them() -> None:
    rooms = {"slow_consumers": {"message": "drop_oldest", "*": "close"}}
    with HubForTests({"chat": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms) as hub:
        alice, bob = crowded(hub, 45)
        bob.send({"type": "ping", "id": "1"})
        for each in range(45, 90):
            alice.say(f"{each:04}" + "." * 50)
        bob.start_reading()
        events = bob.take()
        assert [event["type"] for event in events].count("pong") == 1
        assert [event["id"] for event in events if event["type"] == "ack"] == ["1"]
        assert bob.close_code is None


def test_an_unknown_policy_is_a_mistake_in_the_config() -> None:
    with pytest.raises(Exception, match="slow_consumers"):
        HubForTests(rooms={"slow_consumers": "shrug"})
