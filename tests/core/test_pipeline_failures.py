import asyncio
from collections.abc import Callable, Generator, Iterator

import pytest
from hubbub.core import Connection, Event, Handshake, Plugin, PluginConfig, PluginError, Rejected, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Ping

AnyPluginClass = type[Plugin[PluginConfig]]


def fails() -> None:
    raise RuntimeError("broken inside")


async def fails_later() -> None:
    await asyncio.sleep(1)
    raise RuntimeError("broken inside")


async def hangs() -> None:
    await asyncio.Event().wait()


async def is_cancelled() -> None:
    waiting = asyncio.ensure_future(asyncio.sleep(100))
    asyncio.get_running_loop().call_later(1, waiting.cancel)
    await waiting


FAILURES = pytest.mark.parametrize("failure", [fails, fails_later, hangs, is_cancelled])


def plugin_with(hook: str, implementation: Callable[[], object]) -> AnyPluginClass:
    def method(self: object) -> object:
        return implementation()

    method.__name__ = hook
    return type("Breaks", (Plugin,), {hook: hookimpl(method)})


def ping(hub: HubForTests, client: ClientForTests) -> list[str]:
    """What a ping was answered with."""
    client.take()
    client.send({"type": "ping", "id": "1"})
    hub.advance(10)
    return [event.get("code", event["type"]) for event in client.take()]


@FAILURES
def test_a_broken_check_event_refuses_the_event_and_says_nothing_of_the_inside(
    failure: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    with HubForTests({"breaks": {}}, plugins={"breaks": plugin_with("check_event", failure)}) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.send({"type": "ping", "id": "1"})
        hub.advance(10)
        error = alice.receive("error", id="1")
        assert (error["code"], error["retryable"]) == ("internal", True)
        assert "breaks" not in str(error)
        assert "broken inside" not in str(error)
        assert not alice.take()
        assert "plugin 'breaks' failed in check_event" in caplog.text
        assert hub.hub.pipeline.owners["breaks"].failures == 1
        assert alice.close_code is None


@FAILURES
def test_a_broken_check_event_lets_events_through_where_the_config_says_so(
    failure: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    breaks = plugin_with("check_event", failure)
    with HubForTests({"breaks": {"on_error": "allow"}}, plugins={"breaks": breaks}) as hub:
        assert ping(hub, hub.connect("alice")) == ["pong", "ack"]
        assert "plugin 'breaks' failed in check_event" in caplog.text


def test_a_refusal_counts_also_where_errors_are_allowed() -> None:
    class Refuses(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event: Ping) -> None:
            raise Rejected("forbidden", "No pings.")

    with HubForTests({"refuses": {"on_error": "allow"}}, plugins={"refuses": Refuses}) as hub:
        assert ping(hub, hub.connect("alice")) == ["forbidden"]
        assert hub.hub.pipeline.owners["refuses"].failures == 0


@FAILURES
def test_a_broken_check_connect_keeps_everybody_out(failure: Callable[[], object]) -> None:
    breaks = plugin_with("check_connect", failure)
    with HubForTests({"breaks": {}}, plugins={"breaks": breaks}) as hub:
        alice = hub.connect("alice")
        hub.advance(10)
        assert alice.close_code == 1011
        assert not alice.events
        assert not hub.manager.connections
    with HubForTests({"breaks": {"on_error": "allow"}}, plugins={"breaks": breaks}) as hub:
        alice = hub.connect("alice")
        hub.advance(10)
        assert alice.receive("system", event="welcome")


@FAILURES
def test_a_broken_check_join_refuses_the_room(failure: Callable[[], object]) -> None:
    class Breaks(Plugin[PluginConfig]):
        @hookimpl
        def check_join(self, room: str) -> object:
            return failure() if room == "garden" else None

    for options, expected in (({}, ["internal"]), ({"on_error": "allow"}, ["system", "ack"])):
        with HubForTests({"breaks": options}, plugins={"breaks": Breaks}) as hub:
            alice = hub.connect("alice")
            alice.take()
            alice.send({"type": "join", "room": "garden", "id": "1"})
            hub.advance(10)
            assert [event.get("code", event["type"]) for event in alice.take()] == expected
            assert ("garden" in hub.manager.rooms) == (options != {})


@FAILURES
def test_a_broken_check_publish_refuses_the_publication(failure: Callable[[], object]) -> None:
    breaks = plugin_with("check_publish", failure)
    for options, expected in (({}, ["internal"]), ({"on_error": "allow"}, ["message", "ack"])):
        with HubForTests({"chat": {}, "breaks": options}, plugins={"breaks": breaks}) as hub:
            alice = hub.connect("alice")
            alice.take()
            alice.say("hello", id="1")
            hub.advance(10)
            assert [event.get("code", event["type"]) for event in alice.take()] == expected


@FAILURES
@pytest.mark.parametrize("on_error", ["refuse", "allow"])
def test_a_broken_authenticate_never_lets_anybody_in(failure: Callable[[], object], on_error: str) -> None:
    breaks = plugin_with("authenticate", failure)
    with HubForTests({"breaks": {"on_error": on_error}}, plugins={"breaks": breaks}) as hub:
        alice = hub.connect("alice")
        hub.advance(10)
        assert alice.close_code == 1011
        assert not hub.manager.connections


@FAILURES
@pytest.mark.parametrize("hook", ["transform_event", "handle_event"])
def test_broken_work_is_an_error_to_the_sender_and_the_connection_lives(
    failure: Callable[[], object], hook: str
) -> None:
    with HubForTests({"breaks": {}}, plugins={"breaks": plugin_with(hook, failure)}) as hub:
        alice = hub.connect("alice")
        assert ping(hub, alice)[-1] == "internal"
        assert alice.close_code is None


@FAILURES
@pytest.mark.parametrize(
    "hook", ["connected", "joined", "event_handled", "event_published", "left", "disconnected"]
)
def test_a_broken_notification_changes_nothing_for_the_next_plugin(
    failure: Callable[[], object], hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    watches = plugin_with(hook, lambda: calls.append(hook))
    classes = {"watches": watches, "breaks": plugin_with(hook, failure), "also": watches}
    with HubForTests({"watches": {}, "breaks": {}, "also": {}, "chat": {}}, plugins=classes) as hub:
        alice = hub.connect("alice")
        hub.advance(10)
        alice.say("hello", id="1")
        hub.advance(10)
        assert alice.receive("system", event="welcome")
        assert alice.receive("message", content="hello")
        assert alice.receive("ack", id="1")
        alice.close()
        hub.advance(10)
        assert calls == [hook, hook]
        assert f"plugin 'breaks' failed in {hook}" in caplog.text
        assert not hub.manager.connections


def test_a_notification_cannot_refuse() -> None:
    def refuses() -> None:
        raise Rejected("forbidden", "No.", close=4003)

    with HubForTests({"refuses": {}}, plugins={"refuses": plugin_with("joined", refuses)}) as hub:
        alice = hub.connect("alice")
        assert alice.receive("system", event="joined")
        assert alice.close_code is None


def test_a_broken_plugin_is_no_trouble_for_other_events_and_other_clients() -> None:
    class Breaks(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, connection: Connection, event: Ping) -> None:
            if connection.user == "alice":
                raise RuntimeError("broken inside")

    with HubForTests({"chat": {}, "breaks": {}}, plugins={"breaks": Breaks}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        assert ping(hub, alice) == ["internal"]
        assert ping(hub, bob) == ["pong", "ack"]
        alice.say("still here")
        assert bob.receive("message", content="still here")


@pytest.mark.parametrize(
    ("server", "options", "seconds"),
    [({}, {}, 5), ({"hook_timeout": 2}, {}, 2), ({"hook_timeout": 2}, {"hook_timeout": 0.5}, 0.5)],
)
def test_an_async_hook_has_until_its_time_limit(
    server: dict[str, float], options: dict[str, float], seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    class Slow(Plugin[PluginConfig]):
        @hookimpl
        async def check_event(self, event: Ping) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append("cancelled")

    with HubForTests({"slow": options}, plugins={"slow": Slow}, server=server) as hub:
        alice = hub.connect("alice")
        alice.take()
        alice.send({"type": "ping", "id": "1"})
        hub.advance(seconds - 0.01)
        assert (alice.take(), ended) == ([], [])
        hub.advance(0.01)
        assert alice.receive("error", id="1")["code"] == "internal"
        assert ended == ["cancelled"]
        assert f"longer than hook_timeout, {seconds:g} seconds" in caplog.text


def test_a_hook_that_hangs_at_the_start_or_the_end_does_not_hang_the_server() -> None:
    with (
        pytest.raises(PluginError, match=r"plugin 'hangs' cannot start: .*hook_timeout, 5 seconds"),
        HubForTests({"hangs": {}}, plugins={"hangs": plugin_with("startup", hangs)}),
    ):
        pass
    with HubForTests({"hangs": {}}, plugins={"hangs": plugin_with("shutdown", hangs)}) as hub:
        begun = hub.loop.time()
    assert hub.loop.time() - begun < 10


def test_a_misspelt_hook_stops_the_start_and_names_the_plugin() -> None:
    misspelt = plugin_with("check_evnt", fails)
    with pytest.raises(PluginError, match=r"the plugin 'typo' does not fit the hooks: .*check_evnt"):
        HubForTests({"chat": {}, "typo": {}}, plugins={"typo": misspelt})


def test_a_misspelt_argument_stops_the_start_and_names_the_plugin() -> None:
    class Typo(Plugin[PluginConfig]):
        @hookimpl
        def check_join(self, conection: Connection) -> None: ...

    with pytest.raises(PluginError, match=r"the plugin 'typo' does not fit the hooks(.|\n)*conection"):
        HubForTests({"chat": {}, "typo": {}}, plugins={"typo": Typo})


def test_a_wrapper_stops_the_start_and_names_the_plugin() -> None:
    class Wraps(Plugin[PluginConfig]):
        @hookimpl(wrapper=True)
        def check_event(self) -> Generator[None, None, None]:
            return (yield)

    class OldWrapper(Plugin[PluginConfig]):
        @hookimpl(hookwrapper=True)
        def check_event(self) -> Iterator[None]:
            yield

    for wraps in (Wraps, OldWrapper):
        with pytest.raises(PluginError, match=r"the plugin 'wraps' .*hooks cannot be wrapped"):
            HubForTests({"chat": {}, "wraps": {}}, plugins={"wraps": wraps})


def test_what_authenticate_returns_must_be_a_name_that_a_user_may_have() -> None:
    class Nameless(Plugin[PluginConfig]):
        @hookimpl
        def authenticate(self, handshake: Handshake) -> str | None:
            return handshake.query.get("badge")

    with HubForTests({"nameless": {}}, plugins={"nameless": Nameless}) as hub:
        for badge in ("", " ", "a\nb", "a" * 65):
            refused = hub.connect("alice", query={"badge": badge})
            assert refused.close_code == 4003
            assert "user name" in refused.close_reason


def test_a_reply_that_cannot_be_written_is_an_error_to_the_sender() -> None:
    class Replies(Plugin[PluginConfig]):
        @hookimpl
        def handle_event(self, event: Ping) -> Event:
            return Ping(timestamp="\ud800")

    with HubForTests({"replies": {}}, plugins={"replies": Replies}) as hub:
        alice = hub.connect("alice")
        assert ping(hub, alice)[-1] in ("invalid", "internal")
        assert alice.close_code is None
