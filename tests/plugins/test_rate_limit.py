"""The rate limit plugin: a sliding window that is exact at its border."""

import pytest
from hubbub.core import RoomEvent
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.chat import Chat
from hubbub.plugins.rate_limit import RateLimit
from hypothesis import given, settings
from hypothesis import strategies as st


def limited(**options: object) -> dict[str, object]:
    """`plugins:` with chat and a rate limit that has these options."""
    return {"chat": {}, "rate_limit": options}


def is_accepted(client: ClientForTests, **fields: str) -> bool:
    """Whether a message of the client goes through."""
    client.take()
    client.say("hi", **fields)
    return not client.take("error")


def test_ten_messages_in_a_minute_are_accepted_and_the_eleventh_is_refused() -> None:
    with HubForTests(limited()) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for number in range(11):
            alice.say(str(number), id=f"m{number}")
        assert [event["content"] for event in bob.take("message")] == [str(number) for number in range(10)]
        error = alice.receive("error")
        assert (error["code"], error["message"]) == ("rate_limited", "Rate limit exceeded. Slow down.")
        assert (error["retryable"], error["retry_after"], error["id"]) == (True, 60.0, "m10")
        assert alice.close_code is None


def test_the_window_slides() -> None:
    with HubForTests(limited(messages=2, seconds=10)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        hub.advance(6)
        assert is_accepted(alice)
        hub.advance(3)
        assert not is_accepted(alice)
        hub.advance(1)
        assert is_accepted(alice)  # The first has left the window, the second is still in it.
        assert not is_accepted(alice)
        hub.advance(6)
        assert is_accepted(alice)


def test_the_border_is_exact() -> None:
    with HubForTests(limited(messages=1, seconds=60)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        hub.advance(59.999)
        assert not is_accepted(alice)
        hub.advance(0.001)
        assert is_accepted(alice)


@settings(max_examples=40)
@given(
    started=st.floats(0, 1e6),
    seconds=st.floats(0.01, 1e5),
    parts=st.lists(st.floats(0, 0.5), min_size=1, max_size=5),
)
def test_after_exactly_retry_after_an_event_is_accepted(
    started: float, seconds: float, parts: list[float]
) -> None:
    with HubForTests(
        {"chat": {}, "limit": {"messages": 2, "seconds": seconds}}, plugins={"limit": RateLimit}
    ) as hub:
        hub.advance(started)
        alice = hub.connect("alice")
        for part in parts:
            alice.say("hi")
            hub.advance(part * seconds)
        alice.take()
        for _ in range(3):
            alice.say("hi")
        hub.advance(alice.take("error")[-1]["retry_after"])
        alice.take()
        alice.say("hi")
        assert alice.receive("message")


def test_retry_after_is_enough_where_a_sum_of_times_loses_its_last_digit() -> None:
    with HubForTests(limited(messages=1, seconds=29.047)) as hub:
        alice = hub.connect("alice")
        hub.manager.now = lambda: 0.0
        assert is_accepted(alice)
        hub.manager.now = lambda: 9.879
        alice.say("hi")
        wait: float = alice.receive("error")["retry_after"]
        hub.manager.now = lambda: 9.879 + wait
        assert is_accepted(alice)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(1, 6))
def test_it_accepts_what_a_plain_count_of_the_last_window_would(waits: list[int], messages: int) -> None:
    accepted: list[int] = []
    now = 0
    with HubForTests(limited(messages=messages, seconds=60, close_after=None)) as hub:
        alice = hub.connect("alice")
        for wait in waits:
            hub.advance(wait)
            now += wait
            expected = sum(time > now - 60 for time in accepted) < messages
            assert is_accepted(alice) == expected
            if expected:
                accepted.append(now)


def test_what_is_refused_does_not_count() -> None:
    with HubForTests(limited(messages=1, seconds=60)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        for _ in range(59):
            hub.advance(1)
            assert not is_accepted(alice)
        hub.advance(1)
        assert is_accepted(alice)


def test_all_connections_of_a_user_count_together_and_users_apart() -> None:
    with HubForTests(limited(messages=2)) as hub:
        laptop, phone, bob = hub.connect("alice"), hub.connect("alice", "garden"), hub.connect("bob")
        assert is_accepted(laptop)
        assert is_accepted(phone)
        assert not is_accepted(laptop)
        assert not is_accepted(phone)
        assert is_accepted(bob)


def test_coming_back_does_not_start_over() -> None:
    with HubForTests(limited(messages=1)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        alice.close()
        assert not is_accepted(hub.connect("alice"))


def test_private_messages_count_with_messages() -> None:
    with HubForTests(limited(messages=2)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        alice.send({"type": "private", "to": "alice", "content": "note"})
        assert alice.receive("private")
        alice.send({"type": "private", "to": "alice", "content": "note"})
        assert alice.receive("error")["code"] == "rate_limited"
        assert not is_accepted(alice)


def test_a_type_can_have_a_limit_of_its_own() -> None:
    types = {"private": {"messages": 1, "seconds": 5}, "ping": {"messages": 2, "seconds": 1}}
    with HubForTests(limited(messages=1, types=types)) as hub:
        alice = hub.connect("alice")
        for _ in range(2):
            alice.send({"type": "private", "to": "alice", "content": "note"})
        assert len(alice.take("private")) == 1
        assert alice.receive("error")["retry_after"] == 5.0
        assert is_accepted(alice)
        for _ in range(3):
            alice.send({"type": "ping"})
        assert len(alice.take("pong")) == 2
        assert alice.receive("error")["retry_after"] == 1.0


def test_each_other_type_has_the_limit_of_the_others() -> None:
    with HubForTests(limited(messages=1, others={"messages": 3, "seconds": 10})) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        alice.take()
        for _ in range(4):
            alice.send({"type": "ping"})
        for _ in range(3):
            alice.send({"type": "help"})
        assert len(alice.take("pong")) == len(alice.take("help")) == 3
        assert [error["retry_after"] for error in alice.take("error")] == [10.0]


def test_by_default_each_other_type_may_come_300_times_a_minute() -> None:
    with HubForTests(limited()) as hub:
        alice = hub.connect("alice")
        for _ in range(301):
            alice.send({"type": "ping"})
        assert len(alice.take("pong")) == 300
        assert alice.receive("error")["code"] == "rate_limited"


class Wave(RoomEvent, tag="wave"):
    """An event type of somebody's plugin."""


class Waves(Chat):
    events = (*Chat.events, Wave)


def test_types_that_plugins_add_are_limited_as_well() -> None:
    options = {"types": {"wave": {"messages": 1, "seconds": 30}}}
    with HubForTests({"waves": {}, "rate_limit": options}, plugins={"waves": Waves}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "wave", "id": "1"})
        alice.send({"type": "wave", "id": "2"})
        assert alice.receive("ack")["id"] == "1"
        assert alice.receive("error")["id"] == "2"


def test_rooms_of_a_pattern_can_have_limits_of_their_own_and_are_counted_together() -> None:
    rooms = {"options": {"support-*": {"plugins": {"rate_limit": {"messages": 3}}}}}
    with HubForTests(limited(messages=1), rooms=rooms) as hub:
        alice = hub.connect("alice", "support-1")
        for room in ("support-2", "lobby", "garden"):
            alice.send({"type": "join", "room": room})
        accepted = [is_accepted(alice, room=room) for room in ("support-1", "support-2", "support-1", "support-2")]
        assert accepted == [True, True, True, False]
        assert [is_accepted(alice, room=room) for room in ("lobby", "garden")] == [True, False]


def test_whoever_keeps_on_is_closed_with_4008() -> None:
    with HubForTests(limited(messages=1, close_after=5)) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for _ in range(5):
            alice.say("hi")
        assert alice.close_code is None
        alice.say("hi")
        assert alice.close_code == 4008
        assert len(alice.take("error")) == 5
        assert alice.close_reason == "Rate limit exceeded. Slow down."
        assert bob.close_code is None
        assert "alice" not in hub.manager.users


def test_refusals_that_are_spread_over_time_close_nothing() -> None:
    with HubForTests(limited(messages=1, seconds=10, close_after=3)) as hub:
        alice = hub.connect("alice")
        for _ in range(20):
            for _ in range(3):
                alice.say("hi")
            hub.advance(10)
        assert alice.close_code is None
        assert len(alice.take("error")) == 40


def test_by_default_the_hundredth_refusal_in_a_window_closes() -> None:
    with HubForTests(limited()) as hub:
        alice = hub.connect("alice")
        for _ in range(109):
            alice.say("hi")
        assert alice.close_code is None
        alice.say("hi")
        assert alice.close_code == 4008


def test_closing_can_be_switched_off() -> None:
    with HubForTests(limited(messages=1, close_after=None)) as hub:
        alice = hub.connect("alice")
        for _ in range(500):
            alice.say("hi")
        assert alice.close_code is None


def test_closing_can_differ_by_room() -> None:
    rooms = {"options": {"strict": {"plugins": {"rate_limit": {"close_after": 2}}}}}
    with HubForTests(limited(messages=1), rooms=rooms) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "join", "room": "strict"})
        for _ in range(2):
            alice.say("hi")
        assert alice.close_code is None
        for _ in range(2):
            alice.say("hi", room="strict")
        assert alice.close_code == 4008


def test_an_event_that_an_earlier_plugin_refuses_is_not_counted() -> None:
    with HubForTests({"chat": {}, "validation": {}, "rate_limit": {"messages": 1}}) as hub:
        alice = hub.connect("alice")
        for _ in range(5):
            alice.say("")
        assert is_accepted(alice)


@pytest.mark.parametrize("options", [{"messages": 0}, {"seconds": 0}, {"types": {"ping": {"seconds": 3}}}])
def test_limits_that_are_none_stop_the_start(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.rate_limit\."):
        HubForTests({"rate_limit": options})
