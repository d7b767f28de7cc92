"""The presence plugin: who is here, who comes and goes, and why."""

import asyncio

import pytest
from hubbub.core import Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests


def news(client: ClientForTests) -> list[tuple[str, str]]:
    """What the client is told of comings and goings: the event and the user."""
    told = [event for event in client.take("system") if event["event"] in ("joined", "left")]
    return [(event["event"], event["user"]) for event in told]


def test_the_others_are_told_who_joined_and_how_many_are_online() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob = hub.connect("bob")
        hub.connect("alice")
        event = bob.receive("system", event="joined", user="alice")
        assert event["message"] == "alice joined the room"
        assert (event["room"], event["online"]) == ("lobby", 2)
        assert event["timestamp"].endswith("Z")


def test_the_newcomer_is_told_once_as_well() -> None:
    with HubForTests({"presence": {}}) as hub:
        alice = hub.connect("alice")
        assert [(event["event"], event["online"]) for event in alice.take("system")] == [
            ("welcome", 1),
            ("joined", 1),
        ]


def test_a_user_with_three_tabs_joins_once_and_leaves_once() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob = hub.connect("bob")
        bob.take()
        tabs = [hub.connect("alice") for _ in range(3)]
        assert news(bob) == [("joined", "alice")]
        tabs[1].close()
        tabs[0].vanish()
        assert news(bob) == []
        tabs[2].close()
        assert news(bob) == [("left", "alice")]


def test_who_comes_back_is_announced_again() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob = hub.connect("bob")
        bob.take()
        for _ in range(3):
            hub.connect("alice").close()
        assert news(bob) == [("joined", "alice"), ("left", "alice")] * 3


def test_a_leave_says_how_many_are_left() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob = hub.connect("bob")
        hub.connect("alice").close()
        event = bob.receive("system", event="left")
        assert (event["message"], event["user"], event["online"]) == ("alice left the room", "alice", 1)


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, "left"), (1001, "left"), (1005, "left"), (1006, "lost"), (1002, "lost")]
)
def test_who_closes_has_left_and_who_vanishes_is_lost(code: int, reason: str) -> None:
    with HubForTests({"presence": {}}) as hub:
        bob, alice = hub.connect("bob"), hub.connect("alice")
        alice.close(code)
        assert bob.receive("system", event="left", user="alice")["reason"] == reason


@pytest.mark.parametrize(("code", "reason"), [(4003, "kicked"), (4008, "kicked"), (4010, "lost")])
def test_who_is_closed_by_the_server_is_kicked_or_lost(code: int, reason: str) -> None:
    with HubForTests({"presence": {}}) as hub:
        bob, alice = hub.connect("bob"), hub.connect("alice")
        hub.loop.call_soon(alice.connection.close, code)
        hub.settle()
        assert bob.receive("system", event="left", user="alice")["reason"] == reason


def test_who_is_removed_from_a_room_is_kicked() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob, alice = hub.connect("bob"), hub.connect("alice")

        async def kick() -> None:
            await hub.manager.leave(alice.connection, "lobby", "kicked")

        hub.run(kick())
        assert bob.receive("system", event="left", user="alice")["reason"] == "kicked"
        assert alice.receive("system", event="left")["reason"] == "kicked"


def test_a_lost_connection_is_told_in_words() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob = hub.connect("bob")
        hub.connect("alice").vanish()
        assert bob.receive("system", event="left")["message"] == "alice left the room (connection lost)"


def test_a_drain_is_told_to_everyone_without_a_leave_for_each() -> None:
    with HubForTests({"presence": {}}) as hub:
        clients = [hub.connect(f"user {number}") for number in range(5)]
        for client in clients:
            client.take()
        hub.run(hub.hub.drain())
        for client in clients:
            assert [event["event"] for event in client.take("system")] == ["draining"]
            assert client.close_code == 1012


def test_leave_and_join_are_announced_in_the_room_that_they_concern() -> None:
    with HubForTests({"presence": {}}) as hub:
        lobby, garden, alice = hub.connect("bob"), hub.connect("carol", "garden"), hub.connect("alice")
        lobby.take()
        garden.take()
        alice.send({"type": "join", "room": "garden"})
        assert (news(lobby), news(garden)) == ([], [("joined", "alice")])
        alice.send({"type": "leave", "room": "lobby"})
        assert lobby.receive("system", event="left")["reason"] == "left"
        assert news(garden) == []


def test_presence_follows_a_user_across_rooms_and_tabs() -> None:
    with HubForTests({"presence": {}}) as hub:
        watcher = hub.connect("bob", "garden")
        watcher.take()
        tab, other_tab = hub.connect("alice"), hub.connect("alice", "garden")
        assert news(watcher) == [("joined", "alice")]
        tab.send({"type": "join", "room": "garden"})
        other_tab.send({"type": "leave", "room": "garden"})
        assert news(watcher) == []
        tab.vanish()
        assert news(watcher) == [("left", "alice")]


def test_a_query_is_answered_with_users_since_when_and_how_many_connections() -> None:
    with HubForTests({"presence": {}}) as hub:
        alice, _ = hub.connect("alice"), hub.connect("bob")
        hub.connect("alice")
        hub.connect("carol", "garden")
        alice.send({"type": "presence", "id": "p1"})
        reply = alice.receive("presence")
        assert (reply["room"], reply["online"]) == ("lobby", 2)
        assert [(each["user"], each["connections"]) for each in reply["users"]] == [("alice", 2), ("bob", 1)]
        assert all(each["since"].endswith("Z") for each in reply["users"])
        assert reply["users"][0]["since"] <= reply["users"][1]["since"]
        assert alice.receive("ack")["id"] == "p1"


def test_since_is_when_the_user_came_whichever_tab_is_still_open() -> None:
    with HubForTests({"presence": {}}) as hub:
        bob, tab = hub.connect("bob"), hub.connect("alice")

        def since() -> str:
            bob.send({"type": "presence"})
            return bob.receive("presence")["users"][1]["since"]

        came = since()
        hub.connect("alice")
        tab.close()
        assert since() == came


def test_an_answer_lists_so_many_users_and_counts_the_rest() -> None:
    with HubForTests({"presence": {"max_listed": 3}}) as hub:
        clients = [hub.connect(f"user {number}") for number in range(5)]
        clients[4].send({"type": "presence"})
        reply = clients[4].receive("presence")
        assert [each["user"] for each in reply["users"]] == ["user 0", "user 1", "user 2"]
        assert (reply["online"], reply["more"]) == (5, 2)
        for client in clients[:2]:
            client.close()
        clients[4].send({"type": "presence"})
        reply = clients[4].receive("presence")
        assert (reply["online"], len(reply["users"])) == (3, 3)
        assert "more" not in reply


def test_only_members_may_ask_who_is_in_a_room() -> None:
    with HubForTests({"presence": {}}) as hub:
        alice, _ = hub.connect("alice"), hub.connect("bob", "garden")
        alice.send({"type": "presence", "room": "garden"})
        assert alice.receive("error")["code"] == "not_in_room"
        assert alice.take("presence") == []


def test_announcements_can_be_switched_off_for_rooms_of_a_pattern() -> None:
    rooms = {"options": {"big-*": {"plugins": {"presence": {"announce": False}}}}}
    with HubForTests({"presence": {}}, rooms=rooms) as hub:
        big, small = hub.connect("bob", "big-1"), hub.connect("carol")
        big.take()
        small.take()
        hub.connect("alice", "big-1").close()
        hub.connect("alice").close()
        assert news(big) == []
        assert news(small) == [("joined", "alice"), ("left", "alice")]
        big.send({"type": "presence"})
        assert big.receive("presence")["online"] == 1


class SlowlyNotices(Plugin[PluginConfig]):
    @hookimpl
    async def joined(self) -> None:
        await asyncio.sleep(1)

    @hookimpl
    async def left(self) -> None:
        await asyncio.sleep(0.3)


def test_every_leave_follows_a_join_although_slower_plugins_come_first() -> None:
    with HubForTests({"slow": {}, "presence": {}}, plugins={"slow": SlowlyNotices}) as hub:
        bob = hub.connect("bob")
        hub.advance(5)
        bob.take()
        hub.connect("alice").close()  # Gone before the slow plugin has heard that she came.
        hub.advance(5)
        assert news(bob) == [("joined", "alice"), ("left", "alice")]
        tabs = [hub.connect("carol"), hub.connect("carol")]
        hub.advance(5)
        assert news(bob) == [("joined", "carol")]
        for tab in tabs:
            tab.close()
        hub.advance(5)
        assert news(bob) == [("left", "carol")]
        assert not hub.hub.pipeline.owners["presence"].failures


def test_nothing_is_kept_of_users_and_rooms_that_are_gone() -> None:
    with HubForTests({"presence": {}}) as hub:
        for number in range(50):
            client = hub.connect(f"user {number}", f"room-{number}")
            client.send({"type": "join", "room": "shared"})
            client.vanish()
        assert not hub.manager.rooms
        assert not vars(hub.hub.plugins["presence"])["_since"]
        assert not asyncio.all_tasks(hub.loop)
