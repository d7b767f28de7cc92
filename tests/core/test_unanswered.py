"""Publications that wait to be stored: what the connection sends next, and how each of them is answered."""

import asyncio
from collections.abc import Awaitable, Iterator

import pytest
from hubbub.core import InOrder, Message, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.testing import HubForTests


class Stores(Plugin[PluginConfig]):
    """Gives each message its place, and leaves it to the test when it is stored."""

    events = (Message,)
    ends: list[asyncio.Future[None]]

    @hookimpl
    def handle_event(self, event: Message) -> Awaitable[None]:
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        return InOrder(end)


@pytest.fixture
def ends() -> list[asyncio.Future[None]]:
    Stores.ends = []
    return Stores.ends


@pytest.fixture
def hub(ends: list[asyncio.Future[None]]) -> Iterator[HubForTests]:
    with HubForTests({"stores": {}}, plugins={"stores": Stores}) as hub:
        yield hub


def test_each_is_answered_when_it_is_stored(hub: HubForTests, ends: list[asyncio.Future[None]]) -> None:
    alice = hub.connect("alice")
    alice.take()
    for id_ in ("1", "2", "3"):
        alice.say(id_, id=id_)
    assert (len(ends), alice.take()) == (3, [])
    hub.loop.call_soon(ends[1].set_result, None)
    hub.settle()
    assert [event["id"] for event in alice.take("ack")] == ["2"]
    hub.loop.call_soon(ends[0].set_exception, Rejected("unavailable", "Try again later."))
    hub.loop.call_soon(ends[2].set_exception, RuntimeError("a mistake"))
    hub.settle()
    assert [(event["id"], event["code"]) for event in alice.take("error")] == [
        ("1", "unavailable"),
        ("3", "internal"),
    ]
    assert alice.close_code is None


def test_another_event_waits_for_them(hub: HubForTests, ends: list[asyncio.Future[None]]) -> None:
    alice = hub.connect("alice")
    alice.take()
    alice.say("one", id="1")
    alice.send({"type": "ping", "id": "2"})
    assert alice.take() == []
    hub.loop.call_soon(ends[0].set_result, None)
    hub.settle()
    assert [(event["type"], event["id"]) for event in alice.take()] == [("ack", "1"), ("pong", "2"), ("ack", "2")]


def test_they_may_end_in_the_moment_in_which_another_event_comes(
    hub: HubForTests, ends: list[asyncio.Future[None]]
) -> None:
    alice = hub.connect("alice")
    alice.take()
    alice.say("one", id="1")
    hub.loop.call_soon(ends[0].set_result, None)
    alice.send({"type": "ping", "id": "2"})
    assert [(event["type"], event["id"]) for event in alice.take()] == [("ack", "1"), ("pong", "2"), ("ack", "2")]
    assert alice.close_code is None


def test_no_more_than_some_may_wait(hub: HubForTests, ends: list[asyncio.Future[None]]) -> None:
    alice = hub.connect("alice")
    for _ in range(70):
        alice.say("hello")
    assert len(ends) == 64
    for end in list(ends):
        hub.loop.call_soon(end.set_result, None)
    hub.settle()
    assert len(ends) == 70
