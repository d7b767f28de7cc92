"""Many joins, rooms and users cannot exhaust the memory: what is empty is forgotten, the rest is bounded."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from hubbub.core.testing import HubForTests

LIMITS = {"max_connections_per_address": 100_000, "connects_per_minute_per_address": 1_000_000}
ENABLED: dict[str, object] = {
    "chat": {},
    "presence": {},
    "validation": {},
    "rate_limit": {"others": {"messages": 100_000}, "max_windows": 100},
    "heartbeat": {},
    "history": {},
}


def growth(do: Callable[[], None]) -> int:
    """The bytes that stay allocated."""
    do()  # What is made once, and kept for ever, is there after the first time.
    gc.collect()
    tracemalloc.start()
    try:
        do()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_rooms_that_were_entered_and_left_leave_nothing_behind() -> None:
    with HubForTests({**ENABLED, "history": False}, server=LIMITS) as hub:
        alice = hub.connect("alice")
        rooms = iter(range(10_000))

        def enter_and_leave() -> None:
            for _ in range(500):
                room = f"room-{next(rooms)}"
                alice.send({"type": "join", "room": room})
                alice.send({"type": "leave", "room": room})
            alice.take()

        assert growth(enter_and_leave) < 50_000
        assert list(hub.manager.rooms) == ["lobby"]


def test_users_who_came_and_went_leave_nothing_behind_but_a_bounded_memory_of_their_rate() -> None:
    with HubForTests({**ENABLED, "history": False}, server=LIMITS) as hub:
        numbers = iter(range(10_000))

        def come_and_go() -> None:
            for _ in range(300):
                client = hub.connect(f"user-{next(numbers)}")
                client.say("hello")
                client.close()

        assert growth(come_and_go) < 150_000
        assert (hub.manager.connections, hub.manager.users) == ({}, {})


def test_ids_that_are_remembered_are_bounded_in_time() -> None:
    with HubForTests({"chat": {}}, server={"id_window": 10}) as hub:
        alice = hub.connect("alice")
        numbers = iter(range(100_000))

        def send_with_ids() -> None:
            for _ in range(500):
                alice.say("hello", id=str(next(numbers)))
            alice.take()
            hub.advance(30)
            alice.say("hello", id=str(next(numbers)))
            alice.take()

        assert growth(send_with_ids) < 30_000


def test_a_server_has_so_many_rooms_and_no_more() -> None:
    with HubForTests(ENABLED, server={**LIMITS, "max_rooms": 20}) as hub:
        alice = hub.connect("alice")
        for number in range(40):
            alice.send({"type": "join", "room": f"room-{number}", "id": str(number)})
        assert len(hub.manager.rooms) == 20
        assert {error["code"] for error in alice.take("error")} == {"unavailable"}
        late = hub.connect("bob", "another")
        assert late.close_code == 1013
        assert hub.connect("carol").close_code is None


def test_a_connection_is_in_so_many_rooms_and_no_more() -> None:
    with HubForTests(ENABLED, server={**LIMITS, "max_rooms_per_connection": 5}) as hub:
        alice = hub.connect("alice")
        for number in range(40):
            alice.send({"type": "join", "room": f"room-{number}", "id": str(number)})
        assert len(alice.connection.rooms) == 5
        assert len(alice.take("error")) == 36


def test_joining_is_rate_limited_like_everything_else() -> None:
    with HubForTests({"chat": {}, "rate_limit": {"others": {"messages": 10}}}, server=LIMITS) as hub:
        alice = hub.connect("alice")
        for number in range(30):
            alice.send({"type": "join", "room": f"room-{number}", "id": str(number)})
        assert len(alice.connection.rooms) == 11
        assert {error["code"] for error in alice.take("error")} == {"rate_limited"}
