"""The presence plugin in large rooms: comings and goings are gathered and told together, in bounded notices."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hubbub.core.testing import ClientForTests, HubForTests

SMALL = {"gather_above": 2}
"""Options with which a third user makes a room large."""
UNLIMITED = {"max_connections_per_address": 10_000}


def gathering_hub(options: Mapping[str, object] = SMALL, **sections: Any) -> HubForTests:
    return HubForTests({"presence": dict(options)}, **sections)


def large_room(hub: HubForTests) -> ClientForTests:
    """The first of three users in the lobby, with nothing gathered and nothing to read."""
    first, *_ = [hub.connect(user) for user in ("first", "second", "third")]
    hub.advance(1)
    first.take()
    return first


def news(client: ClientForTests) -> list[str]:
    """The sentences by which the client is told of comings and goings."""
    return [event["message"] for event in client.take("system") if event["event"] in ("joined", "left")]


def nothing_is_gathered(hub: HubForTests) -> bool:
    return not asyncio.all_tasks(hub.loop) and not vars(hub.hub.plugins["presence"])["_gatherings"]


def test_a_room_with_a_hundred_users_is_told_of_each_at_once() -> None:
    with gathering_hub({}) as hub:
        first = hub.connect("first")
        first.take()
        users = [hub.connect(f"user {number}") for number in range(2, 101)]
        assert news(first) == [f"user {number} joined the room" for number in range(2, 101)]
        users[0].close()
        assert news(first) == ["user 2 left the room"]
        assert nothing_is_gathered(hub)


def test_the_hundred_and_first_user_and_those_after_are_told_together_a_second_later() -> None:
    with gathering_hub({}) as hub:
        first = hub.connect("first")
        for number in range(2, 101):
            hub.connect(f"user {number}")
        first.take()
        for number in range(101, 104):
            hub.connect(f"user {number}")
            hub.advance(0.25)
        assert news(first) == []
        hub.advance(0.25)
        assert news(first) == ["user 101, user 102 and user 103 joined the room"]


def test_a_gathered_notice_names_its_users_instead_of_one() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        clients = [hub.connect(user) for user in ("alice", "bob")]
        hub.advance(1)
        for client in clients:
            client.vanish()
        hub.advance(1)
        told = first.take("system")
        assert all(event.pop("timestamp").endswith("Z") for event in told)
        both = {"type": "system", "room": "lobby", "users": ["alice", "bob"]}
        left = "alice and bob left the room (connection lost)"
        assert told == [
            {**both, "event": "joined", "message": "alice and bob joined the room", "online": 5},
            {**both, "event": "left", "message": left, "online": 3, "reason": "lost"},
        ]


def test_one_user_alone_is_told_as_in_a_small_room_only_later() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        alice = hub.connect("alice")
        hub.advance(1)
        event = first.receive("system", event="joined")
        assert (event["message"], event["user"], event["online"]) == ("alice joined the room", "alice", 4)
        assert "users" not in event
        assert news(alice) == ["alice joined the room"]  # From the core, at once, and not once more.
        alice.close()
        hub.advance(1)
        event = first.receive("system", event="left")
        assert (event["message"], event["user"], event["reason"]) == ("alice left the room", "alice", "left")


def test_a_room_gets_one_notice_of_each_kind_a_second() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        for second in range(3):
            for number in range(4):
                hub.connect(f"user {second} {number}")
                hub.advance(0.25)
            assert len(news(first)) == 1
        leaving = [client for client in hub.manager.connections.values() if client.user.startswith("user")]
        for connection in leaving[:6]:
            hub.loop.call_soon(connection.close, 4003)
            hub.connect(f"instead of {connection.user}")
        hub.advance(1)
        assert [message.split("user ")[-1] for message in news(first)] == [
            "0 1 and 4 others left the room",
            "0 1 and 4 others joined the room",
        ]


def test_rooms_gather_apart_and_by_the_options_of_their_pattern() -> None:
    rooms = {"options": {"hall-*": {"plugins": {"presence": {"gather_above": 1, "gather_seconds": 10}}}}}
    with gathering_hub(rooms=rooms) as hub:
        first = hub.connect("first", "hall-1")
        lobby = hub.connect("first")
        first.take()
        lobby.take()
        hub.connect("alice", "hall-1")
        hub.connect("bob")
        hub.advance(9)
        assert (news(first), news(lobby)) == ([], ["bob joined the room"])
        hub.advance(1)
        assert (news(first), news(lobby)) == (["alice joined the room"], [])


def test_who_comes_and_goes_within_a_second_is_not_told_of() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        hub.connect("alice").close()
        hub.connect("bob").vanish()
        hub.connect("carol")
        hub.advance(5)
        assert news(first) == ["carol joined the room"]


def test_who_is_lost_and_back_within_a_second_is_not_told_of() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        alice = hub.connect("alice")
        hub.advance(1)
        first.take()
        alice.vanish()
        hub.advance(0.5)
        hub.connect("alice")
        hub.advance(5)
        assert news(first) == []
        first.send({"type": "presence"})
        assert "alice" in [each["user"] for each in first.receive("presence")["users"]]


def test_of_several_comings_and_goings_the_outcome_is_told() -> None:
    with gathering_hub() as hub:
        first, carol = large_room(hub), hub.connect("carol")
        hub.advance(1)
        first.take()
        carol.close()
        for user in ("alice", "carol", "alice", "carol"):
            hub.connect(user).close()
        hub.connect("alice")
        hub.advance(5)
        assert news(first) == ["carol left the room", "alice joined the room"]


def test_what_follows_on_something_gathered_waits_with_it_also_where_the_room_has_become_small() -> None:
    with gathering_hub() as hub:
        first, second = hub.connect("first"), hub.connect("second")
        first.take()
        third = hub.connect("third")
        second.close()
        assert news(first) == []
        hub.advance(1)
        assert news(first) == ["second left the room", "third joined the room"]
        hub.connect("fourth").close()
        hub.advance(1)
        assert news(first) == []
        third.close()
        assert news(first) == ["third left the room"]


def test_a_notice_lists_so_many_names_and_counts_the_rest() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        for number in range(50):
            hub.connect(f"user {number}")
        hub.advance(1)
        event = first.receive("system", event="joined")
        assert event["users"] == [f"user {number}" for number in range(20)]
        assert (event["more"], event["online"]) == (30, 53)
        assert event["message"] == "user 0, user 1 and 48 others joined the room"
        assert "user" not in event


@pytest.mark.parametrize(
    ("names", "count", "sentence"),
    [
        (3, 3, "user 0, user 1 and user 2 joined the room"),
        (3, 4, "user 0, user 1 and 2 others joined the room"),
        (2, 3, "user 0, user 1 and 1 other joined the room"),
        (1, 2, "user 0 and 1 other joined the room"),
        (1, 1, "user 0 joined the room"),
    ],
)
def test_the_sentence_names_few_and_counts_the_rest(names: int, count: int, sentence: str) -> None:
    with gathering_hub({**SMALL, "gather_names": names}) as hub:
        first = large_room(hub)
        for number in range(count):
            hub.connect(f"user {number}")
        hub.advance(1)
        assert news(first) == [sentence]


def test_those_who_left_for_different_reasons_are_told_without_one() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        alice, bob = hub.connect("alice"), hub.connect("bob")
        hub.advance(1)
        first.take()
        alice.close()
        bob.vanish()
        hub.advance(1)
        event = first.receive("system", event="left")
        assert (event["message"], event["users"]) == ("alice and bob left the room", ["alice", "bob"])
        assert "reason" not in event


def test_the_timer_of_a_room_is_gone_when_everything_is_told() -> None:
    with gathering_hub() as hub:
        large_room(hub)
        hub.connect("alice")
        assert not nothing_is_gathered(hub)
        hub.advance(1)
        assert nothing_is_gathered(hub)


def test_the_timer_of_a_room_is_gone_when_the_room_is_empty() -> None:
    with gathering_hub() as hub:
        clients = [hub.connect(f"user {number}") for number in range(5)]
        assert not nothing_is_gathered(hub)
        for client in clients:
            client.vanish()
        assert nothing_is_gathered(hub)
        again = hub.connect("again")
        again.take()
        hub.advance(5)
        assert again.events == []


def test_a_drain_gathers_nothing() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        hub.connect("alice")
        hub.run(hub.hub.drain())
        hub.advance(5)
        assert [event["event"] for event in first.take("system")] == ["draining"]
        assert nothing_is_gathered(hub)


def test_what_was_gathered_is_not_told_while_the_server_drains() -> None:
    with gathering_hub() as hub:
        first = large_room(hub)
        hub.connect("alice")
        hub.manager.is_draining = True
        hub.advance(5)
        assert news(first) == []
        assert nothing_is_gathered(hub)


def test_a_newcomer_who_is_sent_to_come_back_soon_is_not_told_of() -> None:
    with gathering_hub() as hub:
        first, alice = large_room(hub), hub.connect("alice")
        hub.loop.call_soon(alice.connection.close, 1012)
        hub.advance(5)
        assert news(first) == []


def test_a_shutdown_ends_the_gathering() -> None:
    with gathering_hub() as hub:
        large_room(hub)
        hub.connect("alice")
        hub.run(hub.hub.pipeline.shutdown())
        assert nothing_is_gathered(hub)


def test_a_thousand_users_who_enter_cost_deliveries_in_proportion() -> None:
    with gathering_hub(server=UNLIMITED) as hub:
        clients: list[ClientForTests] = []
        for number in range(1000):
            clients.append(hub.connect(f"user {number}"))
            hub.advance(0.002)
        hub.advance(1)
        delivered = sum(len(client.take()) for client in clients)
        assert delivered <= 5 * len(
            clients
        )  # To each its welcome, its own entry, and a notice in each second since.
        for client in clients:
            client.vanish()
        assert sum(len(client.take()) for client in clients) == 0
        assert nothing_is_gathered(hub)
