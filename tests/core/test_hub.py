import asyncio
from collections.abc import Awaitable

import pytest
from hubbub.core import Broker, Connection, Plugin, PluginConfig, PluginError, Publication, Rejected, hookimpl
from hubbub.core.broker import Receiver
from hubbub.core.testing import HubForTests

DEFAULT: dict[str, object] = {
    "chat": None,
    "presence": None,
    "validation": None,
    "rate_limit": None,
    "heartbeat": None,
}


class Remembers(Plugin[PluginConfig]):
    """Keeps what it heard on itself."""

    @hookimpl
    def startup(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def connected(self, connection: Connection) -> None:
        self.heard.append(connection.user)


class SlowBroker(Broker):
    """Takes a second for everything, and writes down the order."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    async def _do(self, what: str) -> None:
        await asyncio.sleep(1)
        self.calls.append(what)

    def start(self, receiver: Receiver, node: str) -> Awaitable[None] | None:
        super().start(receiver, node)
        return self._do("broker started")

    async def _publish(self, room: str, publication: Publication) -> None:
        await self._do("published")
        self.receiver.deliver(room, publication)

    def publish(self, room: str, publication: Publication) -> Awaitable[None]:
        return self._publish(room, publication)

    def stop(self) -> Awaitable[None]:
        return self._do("broker stopped")


def test_two_hubs_in_one_process_share_nothing() -> None:
    enabled = {**DEFAULT, "remembers": None}
    with (
        HubForTests(enabled, plugins={"remembers": Remembers}, server={"max_connections_per_user": 1}) as one,
        HubForTests(enabled, plugins={"remembers": Remembers}, server={"max_connections_per_user": 1}) as two,
    ):
        here, there = one.connect("alice"), two.connect("alice")
        assert here.close_code is None
        assert there.close_code is None
        one.connect("bob")
        for _ in range(11):
            here.say("hello")
        assert here.take("error")
        there.say("hello")
        assert [event["content"] for event in there.take("message")] == ["hello"]
        assert not there.take("error")
        assert there.receive("system", event="welcome")["online"] == 1
        heard = [getattr(hub.hub.plugins["remembers"], "heard", None) for hub in (one, two)]
        assert heard == [["alice", "bob"], ["alice"]]
        here.close()
        assert list(two.manager.users) == ["alice"]


def test_the_broker_is_connected_before_the_plugins_start_and_gone_after_they_stop() -> None:
    calls: list[str] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            calls.append("plugin started")

        @hookimpl
        def shutdown(self) -> None:
            calls.append("plugin stopped")

    with HubForTests({"watches": {}}, plugins={"watches": Watches}, broker=SlowBroker(calls)):
        assert calls == ["broker started", "plugin started"]
    assert calls == ["broker started", "plugin started", "plugin stopped", "broker stopped"]


def test_with_a_broker_that_takes_its_time_the_ack_comes_after_the_message_is_out() -> None:
    calls: list[str] = []
    with HubForTests({"chat": {}}, broker=SlowBroker(calls)) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.say("one", id="1")
        alice.say("two", id="2")
        assert not alice.events
        hub.advance(3)
        answers = [event.get("content", event.get("id")) for event in alice.take()]
        assert answers == ["one", "1", "two", "2"]


def test_starting_and_draining_twice_is_doing_it_once() -> None:
    with HubForTests(DEFAULT) as hub:
        hub.run(hub.hub.start())
        alice = hub.connect("alice")
        hub.run(hub.hub.drain())
        assert alice.close_code == 1012
        hub.run(hub.hub.drain())
        assert not hub.hub.is_ready


def test_draining_waits_for_slow_goodbyes_but_not_for_ever() -> None:
    ended: list[str] = []

    class Slow(Plugin[PluginConfig]):
        @hookimpl
        async def disconnected(self, connection: Connection) -> None:
            await asyncio.sleep(2 if connection.user == "quick" else 60)
            ended.append(connection.user)

    for user, expected in (("quick", ["quick"]), ("slow", [])):
        ended.clear()
        server = {"drain_timeout": 3, "hook_timeout": 100}
        with HubForTests({"slow": {}}, plugins={"slow": Slow}, server=server) as hub:
            hub.connect(user)
            begun = hub.loop.time()
            hub.run(hub.hub.drain())
            assert hub.loop.time() - begun < 4
            assert ended == expected
            hub.advance(100)


def test_a_plugin_that_cannot_start_leaves_the_server_not_ready() -> None:
    class Broken(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            raise Rejected("internal", "no disk")

    hub = HubForTests({"broken": {}}, plugins={"broken": Broken})
    with pytest.raises(PluginError, match="plugin 'broken' cannot start: no disk"), hub:
        pass
    assert not hub.hub.is_ready


def test_help_lists_every_type_with_an_example_that_can_be_sent() -> None:
    with HubForTests(DEFAULT) as hub:
        alice = hub.connect("alice")
        hub.connect("bob")
        alice.send({"type": "help"})
        types = alice.receive("help")["types"]
        assert {each["type"] for each in types} == set(hub.hub.codec.types)
        for each in types:
            assert each["summary"].endswith(".")
            assert each["example"]["type"] == each["type"]
            alice.send({**each["example"], "id": each["type"]})
            answers = [event["type"] for event in alice.take() if event.get("id") == each["type"]]
            assert set(answers) <= {"ack", "pong", "message", "private", "error"}
            assert answers, each


def test_ping_is_answered_by_pong_with_the_same_fields() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping", "id": "1", "timestamp": "yesterday"})
        assert alice.receive("pong") == {"type": "pong", "id": "1", "timestamp": "yesterday"}
        alice.send({"type": "ping"})
        assert alice.receive("pong") == {"type": "pong"}


def test_join_and_leave_are_told_to_who_does_it() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.send({"type": "join", "room": "garden"})
        joined = alice.receive("system", event="joined")
        assert (joined["message"], joined["room"], joined["online"]) == ("alice joined the room", "garden", 1)
        alice.send({"type": "leave", "room": "garden"})
        left = alice.receive("system", event="left")
        assert (left["message"], left["reason"], left["online"]) == ("alice left the room", "left", 0)
