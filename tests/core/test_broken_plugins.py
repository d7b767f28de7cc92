"""What plugins do wrong at run time: it is blamed on them, and harms nobody else."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest
from hubbub.core import Connection, Event, Handshake, Message, Plugin, PluginConfig, Private, Rejected, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Ping


def hub_with(plugin: type[Plugin[PluginConfig]]) -> HubForTests:
    return HubForTests({"chat": {}, "broken": {}}, plugins={"broken": plugin})


def hook_returning(hook: str, result: object, *, later: bool) -> type[Plugin[PluginConfig]]:
    def at_once(self: object) -> object:
        return result

    async def method(self: object) -> object:
        await asyncio.sleep(0)
        return result

    return type("Broken", (Plugin,), {hook: hookimpl(method if later else at_once)})


def answers(client: ClientForTests) -> list[str]:
    """What a message with an id was answered with."""
    client.take()
    client.send({"type": "message", "content": "hi", "id": "1"})
    return [event.get("code", event["type"]) for event in client.take()]


LATER = pytest.mark.parametrize("later", [False, True])


@LATER
@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("check_event", False),
        ("check_publish", False),
        ("transform_event", "hi"),
        ("transform_event", Private(to="bob", content="hi")),
        ("handle_event", {"type": "message"}),
    ],
)
def test_a_wrong_result_counts_as_a_failure_of_the_hook(
    hook: str, result: object, later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with(hook_returning(hook, result, later=later)) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        assert answers(alice)[-1] == "internal"
        assert alice.close_code is None
        assert bob.connection.user == "bob"
    assert f"plugin 'broken' failed in {hook}" in caplog.text
    assert f"it returned an object of the type {type(result).__name__}" in caplog.text


@LATER
@pytest.mark.parametrize("result", [7, {"user": "alice"}])
def test_authenticate_with_a_wrong_result_keeps_out_and_blames_the_plugin(
    result: object, later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with(hook_returning("authenticate", result, later=later)) as hub:
        assert hub.connect("alice").close_code == 1011
    assert "plugin 'broken' failed in authenticate" in caplog.text
    assert "what it may return is an Identity, the name of a user, or None" in caplog.text


def test_what_an_observer_returns_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with hub_with(hook_returning("event_handled", 7, later=False)) as hub:
        assert answers(hub.connect("alice")) == ["message", "ack"]
    assert not caplog.text


def test_an_observer_cannot_refuse_what_went_through(caplog: pytest.LogCaptureFixture) -> None:
    class Late(Plugin[PluginConfig]):
        @hookimpl
        def event_handled(self) -> None:
            raise Rejected("late", "Too late.")

    with hub_with(Late) as hub:
        assert answers(hub.connect("alice")) == ["message", "ack"]
    assert "plugin 'broken' failed in event_handled" in caplog.text


def test_an_async_hook_may_return_what_publish_returned() -> None:
    class Refuses(Plugin[PluginConfig]):
        @hookimpl
        async def check_publish(self, event: Message) -> None:
            await asyncio.sleep(1)
            raise Rejected("late", "Too late.")

        @hookimpl
        async def handle_event(self, event: Ping) -> Awaitable[None]:
            return self.manager.publish("lobby", Message(content="hi"))

    with hub_with(Refuses) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping", "id": "1"})
        hub.advance(1)
        assert alice.receive("error", id="1")["code"] == "late"
        with pytest.raises(AssertionError):
            alice.receive("ack")


def exits() -> None:
    sys.exit(1)


async def exits_later() -> None:
    await asyncio.sleep(0)
    sys.exit(1)


def is_cancelled() -> None:
    raise asyncio.CancelledError


class Odd(BaseException):
    pass


def is_odd() -> None:
    raise Odd


@pytest.mark.parametrize("failure", [exits, exits_later, is_cancelled, is_odd])
@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("check_event", ["internal"]),
        ("check_publish", ["internal"]),
        ("event_published", ["message", "ack"]),
        ("event_handled", ["message", "ack"]),
        ("connected", ["message", "ack"]),
        ("joined", ["message", "ack"]),
    ],
)
def test_what_would_end_the_server_ends_nothing_but_the_hook(
    hook: str, answer: list[str], failure: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    def method(self: object) -> object:
        return failure()

    with hub_with(type("Broken", (Plugin,), {hook: hookimpl(method)})) as hub:
        assert answers(hub.connect("alice")) == answer
        assert hub.connect("bob").close_code is None
    assert f"plugin 'broken' failed in {hook}" in caplog.text


def test_a_plugin_that_answers_its_own_answers_stops_and_is_told_why(caplog: pytest.LogCaptureFixture) -> None:
    class Parrot(Plugin[PluginConfig]):
        @hookimpl
        async def event_published(self, room: str, event: Message) -> None:
            await asyncio.sleep(0)
            await self.manager.publish(room, Message(user="parrot", content="Hello!"))

    with hub_with(Parrot) as hub:
        alice = hub.connect("alice")
        for _ in range(3):  # It begins anew with each message.
            alice.take()
            alice.say("hi")
            assert len(alice.take("message")) == 9
    assert "8 publications were made within each other" in caplog.text
    assert caplog.text.count("plugin 'broken' failed in event_published") == 3


def test_a_guard_that_publishes_what_it_is_asked_about_refuses_it(caplog: pytest.LogCaptureFixture) -> None:
    class Recurses(Plugin[PluginConfig]):
        @hookimpl
        def check_publish(self, room: str, event: Event) -> Awaitable[None]:
            return self.manager.publish(room, Message(content="again"))

    with hub_with(Recurses) as hub:
        assert answers(hub.connect("alice")) == ["internal"]
    assert caplog.text.count("plugin 'broken' failed in check_publish") == 1


def test_a_log_of_what_is_said_in_other_rooms_may_publish_in_its_own() -> None:
    class Minutes(Plugin[PluginConfig]):
        @hookimpl
        def event_published(self, room: str, event: Message) -> Awaitable[None] | None:
            return None if room == "minutes" else self.manager.publish("minutes", Message(content=event.content))

    with hub_with(Minutes) as hub:
        alice, clerk = hub.connect("alice"), hub.connect("clerk", room="minutes")
        for _ in range(20):
            alice.say("hi")
        assert len(clerk.take("message")) == 20


def test_a_name_from_an_async_authenticate_is_a_name() -> None:
    class Door(Plugin[PluginConfig]):
        @hookimpl
        async def authenticate(self, handshake: Handshake) -> str:
            await asyncio.sleep(0)
            return "ali"

        @hookimpl
        async def connected(self, connection: Connection) -> None:
            connection.greeting = "Hello."

    with hub_with(Door) as hub:
        assert hub.connect().connection.user == "ali"


def test_a_close_code_that_cannot_be_sent_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    class Refuses(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event: Message) -> None:
            raise Rejected("not_here", "Not here.", close=403)

    class Closes(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, connection: Connection, event: Message) -> None:
            connection.close(1006, "bye")

    for plugin in (Refuses, Closes):
        with hub_with(plugin) as hub:
            alice = hub.connect("alice")
            assert answers(alice) == ["internal"]
            assert alice.close_code is None
            assert "alice" in hub.manager.users
    assert "ValueError: 403 is no close code that can be sent" in caplog.text
    assert "ValueError: 1006 is no close code that can be sent" in caplog.text
