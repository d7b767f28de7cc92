"""What each hook promises to the author of a plugin, shown by a small one."""

import asyncio
from typing import cast

import pytest
from hubbub.core import (
    Connection,
    Event,
    Handshake,
    Identity,
    Message,
    Plugin,
    PluginConfig,
    PluginError,
    Recorder,
    Recovery,
    Rejected,
    StateKey,
    hookimpl,
)
from hubbub.core.testing import HubForTests
from hubbub.protocol import Encoded, Ping, System

NAME = StateKey[str]("test.name")


def test_hook_startup() -> None:
    started: list[str] = []

    class Prepares(Plugin[PluginConfig]):
        @hookimpl
        async def startup(self) -> None:
            assert not self.manager.connections
            await asyncio.sleep(1)
            started.append("prepared")

    class Broken(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            raise OSError("the disk is full")

    with HubForTests({"prepares": {}}, plugins={"prepares": Prepares}):
        assert started == ["prepared"]
    hub = HubForTests({"broken": {}}, plugins={"broken": Broken})
    with pytest.raises(PluginError, match="plugin 'broken' cannot start: the disk is full"):
        hub.run(hub.hub.start())
    assert not hub.hub.is_ready
    hub.loop.close()


def test_hook_shutdown() -> None:
    calls: list[str] = []

    class Plain(Plugin[PluginConfig]):
        @hookimpl
        def disconnected(self, connection: Connection) -> None:
            calls.append(f"disconnected {connection.user}")

        @hookimpl
        async def shutdown(self) -> None:
            assert not self.manager.connections
            calls.append("shutdown")

    class Broken(Plugin[PluginConfig]):
        @hookimpl
        def shutdown(self) -> None:
            calls.append("broken")
            raise OSError("the disk is gone")

    with HubForTests({"plain": {}, "broken": {}}, plugins={"plain": Plain, "broken": Broken}) as hub:
        hub.connect("alice")
    assert calls == ["disconnected alice", "broken", "shutdown"]


def test_hook_authenticate() -> None:
    asked: list[str] = []

    class Badges(Plugin[PluginConfig]):
        @hookimpl
        async def authenticate(self, handshake: Handshake) -> str | None:
            badge = handshake.query.get("badge")
            if badge == "forged":
                raise Rejected("unauthorized", "This badge is forged.")
            return f"agent-{badge}" if badge else None

    class Second(Plugin[PluginConfig]):
        @hookimpl
        def authenticate(self, handshake: Handshake) -> str | None:
            asked.append(handshake.query.get("user", ""))
            return None

    with HubForTests({"badges": {}, "second": {}}, plugins={"badges": Badges, "second": Second}) as hub:
        assert hub.connect("alice", query={"badge": "7"}).connection.user == "agent-7"
        assert asked == []
        assert hub.connect("bob").connection.user == "bob"
        assert asked == ["bob"]
        forged = hub.connect("carol", query={"badge": "forged"})
        assert (forged.close_code, forged.close_reason) == (4001, "This badge is forged.")
        assert forged.events == []


def test_hook_check_connect() -> None:
    class Banned(Plugin[PluginConfig]):
        @hookimpl
        def check_connect(self, connection: Connection) -> None:
            assert not connection.rooms
            if connection.user == "mallory":
                raise Rejected("forbidden", "You are banned.")
            if connection.user == "many":
                raise Rejected("forbidden", "You are here too often.", close=4009)

    with HubForTests({"banned": {}}, plugins={"banned": Banned}) as hub:
        assert hub.connect("mallory").close_code == 4003
        assert hub.connect("many").close_code == 4009
        assert hub.connect("alice").receive("system", event="welcome")
        assert list(hub.manager.users) == ["alice"]


def test_hook_connected() -> None:
    class Greets(Plugin[PluginConfig]):
        @hookimpl
        def connected(self, connection: Connection) -> None:
            assert connection.id in self.manager.connections
            connection.greeting = f"Hi {connection.user}!"
            connection.send(self.manager.news("notice", "Read the rules."))

    with HubForTests({"greets": {}}, plugins={"greets": Greets}) as hub:
        alice = hub.connect("alice")
        assert [event["event"] for event in alice.events] == ["welcome", "notice", "joined"]
        assert alice.events[0]["message"] == "Hi alice!"


def test_hook_refreshed() -> None:
    told: list[tuple[str, frozenset[str]]] = []

    class Badges(Plugin[PluginConfig]):
        @hookimpl
        def authenticate(self, handshake: Handshake) -> Identity:
            if handshake.token == "forged":
                raise Rejected("unauthorized", "This badge is forged.")
            return Identity(
                "bob" if handshake.token == "bob's" else "ali", groups=frozenset({handshake.token or ""})
            )

    class Second(Plugin[PluginConfig]):
        @hookimpl
        async def refreshed(self, connection: Connection) -> None:
            told.append((connection.user, connection.identity.groups))

    with HubForTests({"badges": {}, "second": {}}, plugins={"badges": Badges, "second": Second}) as hub:
        ali = hub.connect()
        for token in ("forged", "bob's"):
            ali.send({"type": "refresh", "token": token, "id": token})
        assert ali.receive("error", id="forged")["code"] == "unauthorized"
        assert ali.receive("error", id="bob's")["code"] == "forbidden"
        assert told == []
        ali.send({"type": "refresh", "token": "staff"})
        assert told == [("ali", frozenset({"staff"}))]
        assert ali.close_code is None


def test_hook_disconnected() -> None:
    gone: list[object] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def connected(self, connection: Connection) -> None:
            connection.state[NAME] = connection.user

        @hookimpl
        def disconnected(self, connection: Connection, code: int, reason: str) -> None:
            assert not connection.rooms
            assert connection.id not in self.manager.connections
            gone.append((connection.state[NAME], code, reason))

    with HubForTests({"watches": {}}, plugins={"watches": Watches}) as hub:
        alice, bob, carol = hub.connect("alice"), hub.connect("bob"), hub.connect("carol")
        states = [client.connection.state for client in (alice, bob, carol)]
        alice.close()
        bob.vanish()
        hub.loop.call_soon(carol.connection.close, 4003)
        hub.settle()
        hub.connect("dave")
    assert gone == [
        ("alice", 1000, "left"),
        ("bob", 1006, "lost"),
        ("carol", 4003, "kicked"),
        ("dave", 1012, "drained"),
    ]
    assert all(NAME not in state for state in states)


def test_hook_check_join() -> None:
    class Doorman(Plugin[PluginConfig]):
        @hookimpl
        def check_join(self, connection: Connection, room: str) -> None:
            if room == "cellar" and connection.user != "alice":
                raise Rejected("forbidden", "The cellar is closed.")

    with HubForTests({"doorman": {}}, plugins={"doorman": Doorman}) as hub:
        bob = hub.connect("bob")
        bob.send({"type": "join", "room": "cellar", "id": "1"})
        error = bob.receive("error", id="1")
        assert (error["code"], error["message"]) == ("forbidden", "The cellar is closed.")
        assert bob.close_code is None
        assert "cellar" not in hub.manager.rooms
        assert hub.connect("carol", "cellar").close_code == 4003
        assert hub.connect("alice", "cellar").receive("system", event="welcome", room="cellar")


def test_hook_check_recover() -> None:
    class Tape:
        """As much of a `Recorder` as joining asks for."""

        async def catch_up(self, room: str, epoch: str | None, since: int | None) -> Recovery:
            if since is None:
                return Recovery("e", 5)
            return Recovery("e", 5, recovered=True, events=[Encoded(Message(room=room, content="missed"))])

    class Discreet(Plugin[PluginConfig]):
        @hookimpl
        def check_recover(self, connection: Connection, room: str) -> None:
            if connection.user == "bob" and room == "garden":
                raise Rejected("forbidden", "Not for Bob.")

    with HubForTests({"discreet": {}}, plugins={"discreet": Discreet}) as hub:
        hub.manager.publisher.recorder = cast(Recorder, Tape())
        for name, room, recovered in (("alice", "garden", True), ("bob", "lobby", True), ("bob", "garden", False)):
            by_url = hub.connect(name, room, query={"epoch": "e", "since": "3"})
            by_event = hub.connect(name, "hall")
            by_event.send({"type": "join", "room": room, "epoch": "e", "since": 3})
            for client in (by_url, by_event):
                joined = client.receive("system", event="joined", room=room)
                assert (joined["epoch"], joined["seq"], joined["recovered"]) == ("e", 5, recovered)
                assert bool(client.take("message")) is recovered
        bob = hub.connect("bob", "garden")
        assert "recovered" not in bob.receive("system", event="joined")  # Nobody had asked.


def test_hook_joined() -> None:
    seen: list[object] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def joined(self, connection: Connection, room: str) -> None:
            seen.append((connection.user, room, connection in self.manager.rooms[room]))

    with HubForTests({"watches": {}}, plugins={"watches": Watches}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "join", "room": "garden"})
        alice.send({"type": "join", "room": "garden"})
        assert seen == [("alice", "lobby", True), ("alice", "garden", True)]


def test_hook_left() -> None:
    seen: list[object] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def left(self, connection: Connection, room: str, reason: str) -> None:
            assert room not in connection.rooms
            seen.append((connection.user, room, reason))

    with HubForTests({"watches": {}}, plugins={"watches": Watches}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "join", "room": "garden"})
        alice.send({"type": "leave", "room": "lobby"})
        alice.vanish()
    assert seen == [("alice", "lobby", "left"), ("alice", "garden", "lost")]


def test_hook_user_joined() -> None:
    told: list[tuple[str, str, bool]] = []

    class Counts(Plugin[PluginConfig]):
        @hookimpl
        async def user_joined(self, room: str, user: str, connection: Connection | None) -> None:
            told.append((room, user, connection is not None))

    with HubForTests({"counts": {}}, plugins={"counts": Counts}) as hub:
        first, second = hub.connect("alice"), hub.connect("alice")
        assert told == [("lobby", "alice", True)]
        second.send({"type": "join", "room": "garden"})
        assert told[1:] == [("garden", "alice", True)]
        first.close()
        hub.connect("alice")
        assert len(told) == 2


def test_hook_user_left() -> None:
    told: list[tuple[str, str, str]] = []

    class Counts(Plugin[PluginConfig]):
        @hookimpl
        async def user_left(self, room: str, user: str, reason: str) -> None:
            told.append((room, user, reason))

    with HubForTests({"counts": {}}, plugins={"counts": Counts}) as hub:
        first, second = hub.connect("alice"), hub.connect("alice")
        first.close()
        assert told == []
        second.vanish()
        assert told == [("lobby", "alice", "lost")]


def test_hook_check_event() -> None:
    seen: list[tuple[str | None, str | None]] = []

    class Polite(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, connection: Connection, event: Message) -> None:
            seen.append((event.user, event.room))
            if event.content == "pest":
                raise Rejected("impolite", f"Mind your words, {connection.user}.", path="content")

    with HubForTests({"chat": {}, "polite": {}}, plugins={"polite": Polite}) as hub:
        alice = hub.connect("alice")
        alice.say("pest", user="bob", id="1")
        error = alice.receive("error")
        assert error["id"] == "1"
        assert (error["code"], error["path"], error["retryable"]) == ("impolite", "content", False)
        assert not alice.take("message")
        alice.say("please")
        assert alice.receive("message", content="please")
    assert seen == [("alice", "lobby"), ("alice", "lobby")]


def test_hook_transform_event() -> None:
    class Shouts(Plugin[PluginConfig]):
        @hookimpl
        def transform_event(self, event: Message) -> Event | None:
            if event.content == "fail":
                raise RuntimeError("no such word")
            return Message(room=event.room, user=event.user, content=f"{event.content}!")

    class Leaves(Plugin[PluginConfig]):
        @hookimpl
        async def transform_event(self, event: Message) -> Event | None:
            assert str(event.content).endswith("!")
            return None

    enabled: dict[str, object] = {"shouts": {}, "leaves": {}, "chat": {}}
    with HubForTests(enabled, plugins={"shouts": Shouts, "leaves": Leaves}) as hub:
        alice = hub.connect("alice")
        alice.say("hello")
        assert alice.receive("message", content="hello!")
        alice.say("fail", id="1")
        assert alice.receive("error", id="1")["code"] == "internal"
        assert alice.close_code is None


def test_hook_handle_event() -> None:
    class Answers(Plugin[PluginConfig]):
        @hookimpl
        def handle_event(self, connection: Connection, event: Ping) -> Event | None:
            if event.id == "refuse":
                raise Rejected("forbidden", "No.")
            if event.id == "fail":
                raise RuntimeError("a secret of the server")
            return self.manager.news("notice", f"{connection.user} pinged")

    with HubForTests({"answers": {}}, plugins={"answers": Answers}) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.send({"type": "ping", "id": "1"})
        assert [event["type"] for event in alice.take()] == ["pong", "system", "ack"]
        alice.send({"type": "ping", "id": "refuse"})
        assert alice.receive("error", id="refuse")["message"] == "No."
        alice.send({"type": "ping", "id": "fail"})
        error = alice.receive("error", id="fail")
        assert (error["code"], error["retryable"]) == ("internal", True)
        assert "secret" not in str(alice.events) + str(error)
        assert alice.close_code is None


def test_hook_event_handled() -> None:
    seen: list[object] = []

    class Counts(Plugin[PluginConfig]):
        @hookimpl
        def event_handled(self, connection: Connection, event: Event) -> None:
            seen.append((connection.user, type(event), event.id))
            connection.send(self.manager.news("notice", "counted"))

    with HubForTests({"chat": {}, "counts": {}}, plugins={"counts": Counts}) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.say("hello", id="1")
        assert [event["type"] for event in alice.take()] == ["message", "ack", "system"]
        alice.send({"type": "leave", "room": "nowhere", "id": "2"})
    assert seen == [("alice", Message, "1")]


def test_hook_check_publish() -> None:
    class Quiet(Plugin[PluginConfig]):
        @hookimpl
        def check_publish(self, room: str, event: System | Message) -> None:
            calls.append(room)
            if room == "library":
                raise Rejected("forbidden", "Silence, please.")

    calls: list[str] = []
    with HubForTests({"chat": {}, "quiet": {}}, plugins={"quiet": Quiet}) as hub:
        members = [hub.connect("alice", "library"), hub.connect("bob", "library")]
        members[0].say("hello", id="1")
        assert members[0].receive("error", id="1")["code"] == "forbidden"
        with pytest.raises(Rejected, match="Silence"):
            hub.run(publish(hub, "library", hub.manager.news("notice", "We close.")))
        assert calls == ["library", "library"]
        assert not any(member.take("message") for member in members)


def test_hook_event_published() -> None:
    seen: list[object] = []

    class Records(Plugin[PluginConfig]):
        @hookimpl
        def event_published(self, room: str, event: Message) -> None:
            seen.append((room, event.user, event.content))

    with HubForTests({"chat": {}, "records": {}}, plugins={"records": Records}) as hub:
        alice = hub.connect("alice")
        hub.connect("bob")
        alice.say("hello")
        hub.run(publish(hub, "empty", Message(content="to nobody")))
        hub.run(publish(hub, "lobby", hub.manager.news("notice", "no message")))
    assert seen == [("lobby", "alice", "hello"), ("empty", None, "to nobody")]


async def publish(hub: HubForTests, room: str, event: Event) -> None:
    await hub.manager.publish(room, event)
