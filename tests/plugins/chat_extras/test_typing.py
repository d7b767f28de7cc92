"""Typing: told to the others, not too often, taken back by itself, and never kept."""

import asyncio

import pytest
from hubbub.core import Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.testing import ClientForTests
from hubbub.plugins.chat_extras import ChatExtras
from hubbub.plugins.chat_extras.events import Read, Typing

from .extras import ExtrasHub, seq_of


def told(client: ClientForTests) -> list[bool]:
    """What the client is told about alice."""
    return [event["is_typing"] for event in client.take("typing") if event["user"] == "alice"]


def type_(client: ClientForTests, is_typing: bool = True) -> None:
    client.send({"type": "typing", "is_typing": is_typing})


def remembered(hub: ExtrasHub) -> int:
    extras = hub.hub.plugins["chat_extras"]
    assert isinstance(extras, ChatExtras)
    return len(extras._typists)  # pyright: ignore[reportPrivateUsage]


def test_the_others_are_told_who_types_and_who_does_it_is_not() -> None:
    with ExtrasHub() as hub:
        alice, bob, elsewhere = hub.connect("alice"), hub.connect("bob"), hub.connect("carol", "garden")
        type_(alice)
        event = bob.receive("typing")
        assert (event["user"], event["room"], event["is_typing"]) == ("alice", "lobby", True)
        type_(alice, False)
        assert told(bob) == [False]
        assert alice.take("typing") == elsewhere.take("typing") == []


def test_however_often_it_is_said_the_room_is_told_every_few_seconds() -> None:
    with ExtrasHub(typing_seconds=3) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for _ in range(100):
            type_(alice)
            hub.advance(0.1)
        assert told(bob) == [True] * 4


def test_stopping_and_starting_quickly_is_not_told_each_time() -> None:
    with ExtrasHub(typing_seconds=3) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for _ in range(10):
            type_(alice)
            type_(alice, False)
        assert told(bob) == [True, False]
        hub.advance(3)
        type_(alice)
        assert told(bob) == [True]


def test_two_tabs_are_one_user() -> None:
    with ExtrasHub() as hub:
        tabs, bob = [hub.connect("alice") for _ in range(2)], hub.connect("bob")
        for tab in tabs:
            type_(tab)
        assert told(bob) == [True]


def test_who_stops_without_a_word_has_stopped_after_a_while() -> None:
    with ExtrasHub(typing_expires=6) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        type_(alice)
        hub.advance(4)
        type_(alice)
        hub.advance(5.9)
        assert told(bob) == [True, True]
        hub.advance(0.2)
        assert told(bob) == [False]
        hub.advance(60)
        assert told(bob) == []
        assert remembered(hub) == 0


def test_a_message_ends_the_typing() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        type_(alice)
        alice.say("done")
        assert [event["type"] for event in bob.take()][-3:] == ["typing", "message", "typing"]
        alice.say("more")
        assert told(bob) == []


@pytest.mark.parametrize("leave", [ClientForTests.close, ClientForTests.vanish])
def test_who_goes_stops_typing(leave: object) -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        type_(alice)
        assert callable(leave)
        leave(alice)
        assert told(bob) == [True, False]


def test_who_leaves_the_room_stops_typing_there_unless_another_tab_stays() -> None:
    with ExtrasHub() as hub:
        tabs, bob = [hub.connect("alice") for _ in range(2)], hub.connect("bob")
        type_(tabs[0])
        tabs[0].send({"type": "leave", "room": "lobby"})
        assert told(bob) == [True]
        tabs[1].send({"type": "leave", "room": "lobby"})
        assert told(bob) == [False]


def test_typing_takes_no_number_and_stands_in_no_history() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        type_(alice)
        assert "seq" not in bob.receive("typing")
        assert seq_of(alice, "hi") == 1
        alice.send({"type": "history"})
        assert [event["type"] for event in alice.receive("history")["events"]] == ["message"]


def test_typing_can_be_told_at_other_intervals_by_room() -> None:
    rooms = {"options": {"fast": {"plugins": {"chat_extras": {"typing_seconds": 1, "typing_expires": 2}}}}}
    with ExtrasHub(rooms=rooms) as hub:
        alice, bob = hub.connect("alice", "fast"), hub.connect("bob", "fast")
        type_(alice)
        hub.advance(1)
        type_(alice)
        assert told(bob) == [True, True]
        hub.advance(2.1)
        assert told(bob) == [False]


def test_every_typing_event_that_asks_gets_an_answer() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        for number in range(3):
            alice.send({"type": "typing", "is_typing": True, "id": str(number)})
        assert [ack["id"] for ack in alice.take("ack")] == ["0", "1", "2"]


def test_the_tab_that_typed_last_is_not_told_of_itself() -> None:
    with ExtrasHub(typing_seconds=1) as hub:
        one, two = hub.connect("alice"), hub.connect("alice")
        type_(one)
        hub.advance(1)
        type_(two)
        hub.advance(10)
        assert told(one) == [True, False]
        assert told(two) == [True]


class Censor(Plugin[PluginConfig]):
    """Lets nobody be told that somebody has stopped, or how far somebody has read."""

    @hookimpl
    def check_publish(self, event: Typing | Read) -> None:
        if not isinstance(event, Typing) or not event.is_typing:
            raise Rejected("forbidden", "No.")


def test_a_refusal_to_tell_the_room_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with ExtrasHub(others={"censor": {}}, plugins={"censor": Censor}, read_markers="room") as hub:
        alice = hub.connect("alice")
        alice.send({"type": "read", "up_to": seq_of(alice, "hi")})
        type_(alice)
        hub.advance(60)
        assert remembered(hub) == 0
        assert alice.take("error") == alice.take("read") == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_nothing_is_left_to_do_when_the_server_stops_while_somebody_types() -> None:
    with ExtrasHub() as hub:
        type_(hub.connect("alice"))
        hub.connect("bob")
    assert not asyncio.all_tasks(hub.loop)
