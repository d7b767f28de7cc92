import asyncio

import pytest
from hubbub.core import Message, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.testing import HubForTests

ENABLED: dict[str, object] = {"chat": {}}


class Moody(Plugin[PluginConfig]):
    """Takes a second for each publication, and refuses the first."""

    refusals = 0

    @hookimpl
    async def check_publish(self, event: Message) -> None:
        await asyncio.sleep(1)
        if event.content == "twice" and not self.refusals:
            self.refusals += 1
            raise Rejected("forbidden", "Not in this mood.")


def test_what_is_sent_again_with_the_same_id_is_published_once_and_acknowledged_twice() -> None:
    with HubForTests(ENABLED) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for _ in range(2):
            alice.say("hello", id="1")
        first, second = alice.take("ack")
        assert (first["id"], second["id"]) == ("1", "1")
        assert "duplicate" not in first
        assert second["duplicate"] is True
        assert second["room"] == "lobby"
        assert len(bob.take("message")) == 1


def test_it_is_known_after_a_reconnect() -> None:
    with HubForTests(ENABLED) as hub:
        hub.connect("alice").say("hello", id="1")
        again, bob = hub.connect("alice"), hub.connect("bob")
        again.say("hello", id="1")
        assert again.receive("ack")["duplicate"] is True
        assert bob.take("message") == []


@pytest.mark.parametrize(("user", "room"), [("bob", "lobby"), ("alice", "garden")])
def test_an_id_is_a_users_own_in_each_room(user: str, room: str) -> None:
    with HubForTests(ENABLED) as hub:
        hub.connect("alice").say("hello", id="1")
        other = hub.connect(user, room)
        other.say("hello", id="1")
        assert "duplicate" not in other.receive("ack")


def test_an_id_is_known_for_the_window_of_the_config_and_forgotten_within_two() -> None:
    with HubForTests(ENABLED, server={"id_window": 60}) as hub:
        alice = hub.connect("alice")
        for seconds, is_duplicate in ((0, False), (59, True), (121, False)):
            hub.advance(seconds)
            alice.say("hello", id="1")
            assert alice.receive("ack").get("duplicate", False) is is_duplicate


def test_a_second_one_waits_for_the_first() -> None:
    with HubForTests({**ENABLED, "moody": {}}, plugins={"moody": Moody}) as hub:
        first, second, bob = hub.connect("alice"), hub.connect("alice"), hub.connect("bob")
        first.say("hello", id="1")
        second.say("hello", id="1")
        assert not second.take("ack")
        hub.advance(5)
        assert "duplicate" not in first.receive("ack")
        assert second.receive("ack")["duplicate"] is True
        assert len(bob.take("message")) == 1


def test_what_was_refused_may_be_sent_again_and_the_one_that_waited_is_tried() -> None:
    with HubForTests({**ENABLED, "moody": {}}, plugins={"moody": Moody}) as hub:
        first, second, bob = hub.connect("alice"), hub.connect("alice"), hub.connect("bob")
        first.say("twice", id="1")
        second.say("twice", id="1")
        hub.advance(5)
        assert first.receive("error")["id"] == "1"
        assert "duplicate" not in second.receive("ack")
        assert len(bob.take("message")) == 1


def test_a_private_message_is_delivered_once_too() -> None:
    with HubForTests(ENABLED) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for _ in range(2):
            alice.send({"type": "private", "to": "bob", "content": "psst", "id": "1"})
        assert [ack.get("duplicate") for ack in alice.take("ack")] == [None, True]
        assert len(bob.take("private")) == 1


def test_code_of_the_servers_own_is_told_too() -> None:
    with HubForTests(ENABLED) as hub:
        bob = hub.connect("bob")
        acks = [hub.run(hub.hub.publish("lobby", "hello", user="news", id="1")) for _ in range(2)]
        assert [ack.duplicate for ack in acks] == [False, True]
        assert len(bob.take("message")) == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubbub.core.once.MOST_KNOWN", 10)
    with HubForTests(ENABLED) as hub:
        alice = hub.connect("alice")
        for number in range(20):
            alice.say("hello", id=str(number))
        alice.take()
        for number, is_duplicate in ((0, False), (19, True)):
            alice.say("hello", id=str(number))
            assert alice.receive("ack").get("duplicate", False) is is_duplicate
