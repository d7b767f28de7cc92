"""Code without a client takes part: its events take the way of a client's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hubbub.core import Connection, Identity, Message, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.hub import Hub
from hubbub.core.logs import current_connection
from hubbub.core.service import perform
from hubbub.core.testing import HubForTests
from hubbub.protocol import Json

SHOP = Identity("shop", "service")


class Watches(Plugin[PluginConfig]):
    """Notes on whose behalf a message is checked."""

    @hookimpl
    def startup(self) -> None:
        self.seen: list[Connection] = []
        self.logged: list[object] = []

    @hookimpl
    async def check_event(self, connection: Connection, event: Message) -> None:
        self.seen.append(connection)
        self.logged.append(current_connection.get())
        if event.content == "no":
            raise Rejected("forbidden", "No.")
        if event.content == "close":
            raise Rejected("rate_limited", "Enough.", close=4008)


@pytest.fixture
def hub() -> Iterator[HubForTests]:
    enabled = {"chat": {}, "presence": {}, "validation": {}, "rate_limit": {"messages": 1}, "watches": {}}
    with HubForTests(enabled, plugins={"watches": Watches}) as running:
        yield running


def refusal(hub: HubForTests, event: dict[str, Json], identity: Identity = SHOP) -> Rejected:
    with pytest.raises(Rejected) as caught:
        hub.run(perform(hub.hub, identity, event))
    return caught.value


def test_a_message_passes_the_checks_and_reaches_a_room_in_which_its_sender_is_not(hub: HubForTests) -> None:
    alice = hub.connect("alice")
    alice.take()
    ack = hub.run(hub.hub.publish("lobby", "Hello!", user="shop", id="1"))
    received = alice.receive("message")
    assert (received["user"], received["content"], "id" in received) == ("shop", "Hello!", False)
    assert (ack.id, ack.room, ack.duplicate) == ("1", "lobby", False)
    assert not alice.events
    assert hub.run(hub.hub.publish("lobby", "Hello!", user="shop", id="1")).duplicate
    assert not alice.events


def test_nobody_sees_the_connection_and_log_lines_name_it(hub: HubForTests) -> None:
    watches = hub.hub.plugins["watches"]
    assert isinstance(watches, Watches)
    hub.run(hub.hub.publish("lobby", "Hello!", user="shop"))
    assert [(each.user, each.identity.kind) for each in watches.seen] == [("shop", "service")]
    assert watches.logged == watches.seen
    assert current_connection.get() is None
    assert not hub.manager.connections
    assert not hub.manager.users
    assert not hub.manager.rooms


def test_the_rate_limit_is_for_clients(hub: HubForTests) -> None:
    for _ in range(5):
        hub.run(hub.hub.publish("lobby", "Hello!", user="shop"))


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        ({"type": "message", "content": "no"}, "forbidden", None),
        ({"type": "message", "content": "close"}, "rate_limited", None),
        ({"type": "message", "content": " "}, "invalid", "content"),
        ({"type": "message"}, "invalid", "content"),
        ({"type": "message", "content": "x", "room": "a b"}, "invalid", "room"),
        ({"type": "mesage", "content": "x"}, "unknown_type", "type"),
        ({"type": "join", "room": "lobby"}, "invalid", "type"),
        ({"type": "leave", "room": "lobby"}, "invalid", "type"),
        ({"type": "refresh", "token": "x"}, "invalid", "type"),
        ({"type": "private", "to": "nobody", "content": "x"}, "user_offline", "to"),
        ({"type": "message", "content": "x" * 70_000}, "too_large", None),
        ({}, "invalid", "type"),
    ],
)
def test_what_a_client_would_be_refused_is_refused_in_the_same_words(
    hub: HubForTests, event: dict[str, Json], code: str, path: str | None
) -> None:
    alice = hub.connect("alice")
    alice.take()
    rejected = refusal(hub, event)
    assert (rejected.code, rejected.path) == (code, path)
    assert not alice.events


@pytest.mark.parametrize("content", [float("nan"), "\ud800", 2**80, {1, 2}, object()])
def test_what_has_no_place_in_json_is_never_published(hub: HubForTests, content: Json) -> None:
    alice = hub.connect("alice")
    alice.take()
    with pytest.raises(Rejected):
        hub.run(hub.hub.publish("lobby", content, user="shop"))
    assert not alice.events


@pytest.mark.parametrize("user", ["", " shop", "x" * 65, "a\nb"])
def test_the_name_of_the_sender_must_be_one(hub: HubForTests, user: str) -> None:
    assert refusal(hub, {"type": "message", "content": "x"}, Identity(user, "service")).path == "user"


def test_what_a_client_would_have_been_sent_is_returned(hub: HubForTests) -> None:
    hub.connect("alice")
    outcome = hub.run(perform(hub.hub, SHOP, {"type": "presence"}))
    assert [type(each).__name__ for each in outcome.replies] == ["PresenceReply"]
    assert outcome.ack.room == "lobby"


def test_once_the_server_goes_down_nothing_is_published(hub: HubForTests) -> None:
    hub.run(hub.hub.drain())
    assert refusal(hub, {"type": "message", "content": "x"}).code == "unavailable"


def test_publishing_starts_a_hub_that_nobody_has_started() -> None:
    kit = HubForTests({"chat": {}})

    async def publish() -> Hub:
        await asyncio.gather(*(kit.hub.publish("lobby", "Hello!", user="shop") for _ in range(3)))
        return kit.hub

    assert kit.run(publish()).is_ready
    kit.run(kit.hub.stop())
    kit.loop.close()
