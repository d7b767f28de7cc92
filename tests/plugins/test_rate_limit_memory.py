"""What the rate limit plugin remembers, and for how long: bounded, whatever clients do."""

import random

from hubbub.core.testing import ClientForTests, HubForTests


def limited(**options: object) -> dict[str, object]:
    """`plugins:` with chat and a rate limit that has these options."""
    return {"chat": {}, "rate_limit": options}


def is_accepted(client: ClientForTests) -> bool:
    """Whether a message of the client goes through."""
    client.take()
    client.say("hi")
    return not client.take("error")


def windows(hub: HubForTests) -> int:
    """How many windows the plugin remembers."""
    state = vars(hub.hub.plugins["rate_limit"])
    return len(state["_young"]) + len(state["_old"])


def test_memory_is_bounded_however_many_users_come() -> None:
    with HubForTests(limited(max_windows=10)) as hub:
        for number in range(200):
            assert is_accepted(hub.connect(f"user {number}"))
            assert windows(hub) <= 10


def test_who_is_busy_is_not_forgotten_for_the_many_who_are_not() -> None:
    with HubForTests(limited(max_windows=10, messages=1, close_after=None)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        for number in range(100):
            is_accepted(hub.connect(f"user {number}"))
            assert not is_accepted(alice)


def test_a_window_in_use_is_kept_even_in_the_moment_when_old_ones_are_forgotten() -> None:
    with HubForTests(limited(max_windows=4, messages=1, close_after=None)) as hub:
        alice = hub.connect("alice")
        assert is_accepted(alice)
        for number in range(3):  # One pushes hers among the old ones, the others fill the young ones.
            is_accepted(hub.connect(f"user {number}"))
        assert not is_accepted(alice)


def test_windows_are_forgotten_when_they_do_not_matter_any_more() -> None:
    with HubForTests(limited()) as hub:
        for number in range(50):
            is_accepted(hub.connect(f"user {number}"))
        assert windows(hub) == 50
        for name in ("alice", "bob"):
            hub.advance(60)
            is_accepted(hub.connect(name))
        assert windows(hub) == 2


def test_a_window_is_remembered_for_its_whole_length_whoever_else_comes() -> None:
    chance = random.Random(7)
    with HubForTests(limited(messages=1, seconds=60, types={"ping": {"messages": 1, "seconds": 200}})) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping"})
        waited = 0.0
        while waited < 190:
            wait = chance.uniform(1, 9)
            waited += wait
            hub.advance(wait)
            is_accepted(hub.connect(f"user {waited}"))
        alice.take()
        alice.send({"type": "ping"})
        assert alice.receive("error")


def test_a_window_holds_no_more_times_than_its_limit() -> None:
    with HubForTests(limited(messages=5, close_after=None)) as hub:
        alice = hub.connect("alice")
        for _ in range(200):
            alice.say("hi")
            hub.advance(1)
        (ends,) = vars(hub.hub.plugins["rate_limit"])["_young"].values()
        assert len(ends) <= 5
