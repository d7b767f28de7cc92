"""Connections that end, or are refused, in the middle of anything leave nothing behind."""

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest
from hubbub.core import Connection, ConnectionManager, Plugin, PluginConfig, Rejected, StateKey, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Ping

HELD = StateKey[list[int]]("test.held")
WAITS_IN = ["authenticate", "check_connect", "connected", "check_join", "joined", "check_event", "handle_event"]
ENDS: dict[str, Callable[[HubForTests, ClientForTests], None]] = {
    "closes": lambda _, client: client.close(),
    "vanishes": lambda _, client: client.vanish(),
}


def is_empty(manager: ConnectionManager) -> bool:
    """Whether nobody is connected, as far as can be seen from outside: names and addresses are free again."""
    return not (manager.connections or manager.users or manager.rooms)


def waiting_in(hook: str, seconds: float = 1) -> type[Plugin[PluginConfig]]:
    async def wait(self: object) -> None:
        await asyncio.sleep(seconds)

    wait.__name__ = hook
    return type("Waits", (Plugin,), {hook: hookimpl(wait)})


class Holds(Plugin[PluginConfig]):
    """Keeps something for each connection, and which connections it has been told of."""

    told: dict[str, list[str]]

    @hookimpl
    def startup(self) -> None:
        self.told = {}

    @hookimpl
    def connected(self, connection: Connection) -> None:
        connection.state[HELD] = [1]
        self.told.setdefault(connection.id, []).append("connected")

    @hookimpl
    def joined(self, connection: Connection, room: str) -> None:
        self.told.setdefault(connection.id, []).append(f"joined {room}")

    @hookimpl
    def left(self, connection: Connection, room: str) -> None:
        self.told.setdefault(connection.id, []).append(f"left {room}")

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        self.told.setdefault(connection.id, []).append("disconnected")


def told(hub: HubForTests) -> list[list[str]]:
    holds = hub.hub.plugins["holds"]
    assert isinstance(holds, Holds)
    return list(holds.told.values())


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("hook", WAITS_IN)
def test_a_client_that_goes_while_a_hook_waits_leaves_nothing_behind(hook: str, end: str) -> None:
    limits = {"max_connections": 1, "max_connections_per_address": 1, "max_connections_per_user": 1}
    classes = {"waits": waiting_in(hook), "holds": Holds}
    with HubForTests({"chat": {}, "waits": {}, "holds": {}}, plugins=classes, server=limits) as hub:
        alice = hub.connect("alice")
        hub.advance(0 if hook in WAITS_IN[:5] else 10)
        alice.say("hello", id="1")
        alice.send({"type": "join", "room": "garden"})
        hub.advance(0.5)
        ENDS[end](hub, alice)
        assert is_empty(hub.manager)
        received = len(alice.events)
        hub.advance(20)
        assert is_empty(hub.manager)
        assert len(alice.events) == received
        again = hub.connect("alice")
        hub.advance(20)
        assert again.receive("system", event="welcome")


@pytest.mark.parametrize("hook", WAITS_IN)
def test_a_connection_that_is_gone_is_freed(hook: str) -> None:
    class Catches(Plugin[PluginConfig]):
        @hookimpl
        def check_connect(self, connection: Connection) -> None:
            seen.append(weakref.ref(connection))

    seen: list[weakref.ref[Connection]] = []
    classes = {"catches": Catches, "waits": waiting_in(hook)}
    enabled: dict[str, object] = {"catches": {}, "chat": {}, "presence": {}, "validation": {}, "rate_limit": {}}
    with HubForTests({**enabled, "heartbeat": {}, "waits": {}}, plugins=classes) as hub:
        clients = [hub.connect(name, room) for name in ("alice", "bob") for room in ("lobby", "garden")]
        hub.advance(0.5)
        clients[0].vanish()
        hub.advance(10)
        while clients:
            client = clients.pop()
            client.say("hello", id="1")
            client.send({"type": "join", "room": "attic"})
            hub.advance(0.5)
            client.close()
            del client
        hub.advance(100)
        gc.collect()
        assert len(seen) >= 3
        assert [reference() for reference in seen if reference() is not None] == []


@pytest.mark.parametrize("hook", ["connected", "joined", "left"])
def test_a_plugin_hears_of_a_connection_in_the_order_in_which_it_happened(hook: str) -> None:
    classes = {"waits": waiting_in(hook), "holds": Holds}
    with HubForTests({"waits": {}, "holds": {}}, plugins=classes) as hub:
        alice = hub.connect("alice")
        hub.advance(0.5)
        alice.vanish()
        hub.advance(20)
        calls = told(hub)[0]
        assert calls[-1] == "disconnected"
        assert calls == [
            call for call in ("connected", "joined lobby", "left lobby", "disconnected") if call in calls
        ]
        assert calls[0] == "connected"


def test_a_client_that_a_guard_refuses_at_the_door_leaves_nothing_behind() -> None:
    class Refuses(Plugin[PluginConfig]):
        @hookimpl
        def check_join(self, room: str) -> None:
            if room == "cellar":
                raise Rejected("forbidden", "The cellar is closed.")

    classes = {"refuses": Refuses, "holds": Holds}
    with HubForTests({"refuses": {}, "holds": {}}, plugins=classes) as hub:
        alice = hub.connect("alice", "cellar")
        assert (alice.close_code, alice.close_reason) == (4003, "The cellar is closed.")
        assert is_empty(hub.manager)
        assert told(hub) == [["connected", "disconnected"]]
        alice.say("hello?", id="1")
        alice.send({"type": "join", "room": "lobby"})
        alice.close()
        assert not alice.events
        assert is_empty(hub.manager)


@pytest.mark.parametrize("hook", ["check_connect", "connected", "check_join", "joined"])
def test_a_plugin_may_close_a_connection_while_it_opens(hook: str) -> None:
    def close(self: object, connection: Connection) -> None:
        if connection.user == "alice":
            connection.close(4003, "Not you.")

    close.__name__ = hook
    closes: type[Plugin[PluginConfig]] = type("Closes", (Plugin,), {hook: hookimpl(close)})
    with HubForTests({"closes": {}}, plugins={"closes": closes}) as hub:
        alice = hub.connect("alice")
        assert (alice.close_code, alice.close_reason) == (4003, "Not you.")
        assert is_empty(hub.manager)
        alice.close(4003)
        hub.advance(20)
        assert is_empty(hub.manager)
        assert hub.connect("bob").receive("system", event="welcome")["online"] == 1


def test_a_refused_connection_keeps_no_room_that_a_plugin_gave_it_too_early() -> None:
    class Early(Plugin[PluginConfig]):
        @hookimpl
        async def check_connect(self, connection: Connection) -> None:
            await self.manager.join(connection, "garden")
            raise Rejected("forbidden", "No, after all.")

    with HubForTests({"early": {}}, plugins={"early": Early}) as hub:
        assert hub.connect("alice").close_code == 4003
        assert is_empty(hub.manager)


def test_what_a_client_sends_after_the_server_has_closed_it_counts_for_nothing() -> None:
    handled: list[str] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, connection: Connection) -> None:
            handled.append(connection.user)

    with HubForTests({"watches": {}, "chat": {}}, plugins={"watches": Watches}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        hub.loop.call_soon(alice.connection.close, 4003, "Out.")
        hub.settle()
        alice.send({"type": "private", "to": "bob", "content": "ha"})
        alice.send({"type": "join", "room": "lobby"})
        alice.say("ha")
        assert not bob.take("private") + bob.take("message")
        assert handled == []


def test_frames_that_wait_are_dropped_when_the_connection_is_closed() -> None:
    handled: list[str | None] = []

    class Slow(Plugin[PluginConfig]):
        @hookimpl
        async def check_event(self, event: Ping) -> None:
            handled.append(event.id)
            await asyncio.sleep(1)

    with HubForTests({"slow": {}}, plugins={"slow": Slow}) as hub:
        alice = hub.connect("alice")
        connection = alice.connection
        for number in range(3):
            alice.send({"type": "ping", "id": str(number)})
        hub.loop.call_soon(connection.close, 4003, "Out.")
        hub.advance(20)
        assert handled == ["0"]


@pytest.mark.parametrize("letter", ["a", "é", "日", "🙂"], ids=lambda letter: f"{len(letter.encode())} bytes")
def test_the_reason_of_a_close_fits_a_close_frame(letter: str) -> None:
    class Refuses(Plugin[PluginConfig]):
        @hookimpl
        def check_connect(self, connection: Connection) -> None:
            if connection.room == "cellar":
                raise Rejected("forbidden", f"No, {connection.user}, you may not come in. " * 5)

        @hookimpl
        def check_join(self, connection: Connection, room: str) -> None:
            if room == "attic":
                raise Rejected("forbidden", f"No, {connection.user}, you may not come up. " * 5)

    with HubForTests({"refuses": {}}, plugins={"refuses": Refuses}) as hub:
        for room in ("cellar", "attic"):
            refused = hub.connect(letter * 64, room)
            assert refused.close_code == 4003
            assert refused.close_reason.startswith("No, ")
            assert len(refused.close_reason.encode()) <= 123
