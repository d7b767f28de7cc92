"""Limits of a user, and names of guests, that hold on all servers together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests

from .bus import Bus, BusBroker

SECRET = "known-to-all-servers-of-the-cluster"


class Start:
    """Starts servers on one clock, connected by a bus."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bus = Bus()
        self._first: HubForTests | None = None

    def __call__(self, *arguments: Any, **options: Any) -> HubForTests:
        hub = HubForTests(*arguments, broker=BusBroker(self._bus), beside=self._first, **options)
        self._first = self._first or hub
        self._stack.enter_context(hub)
        hub.advance(0.1)
        return hub


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield Start(stack)


def connect_as(hub: HubForTests, user: str, **query: str) -> ClientForTests:
    """Connect as a stranger does who types this name into the URL, and let it be known everywhere."""
    client = hub.connect(query={"user": user, **query})
    hub.advance(0.1)
    return client


def test_a_user_has_so_many_connections_on_all_servers_together(start: Start) -> None:
    server = {"max_connections_per_user": 2}
    one, two = start(server=server), start(server=server)
    first, second = one.connect("alice"), two.connect("alice")
    one.advance(0.1)
    assert one.connect("alice").close_code == 4009
    second.close()
    one.advance(0.1)
    assert one.connect("alice").close_code is None
    assert first.close_code is None


def test_nobody_gets_the_name_of_a_guest_on_another_server(start: Start) -> None:
    one, two = start(), start()
    alice = connect_as(one, "alice")
    assert connect_as(two, "alice").close_code == 4009
    alice.close()
    one.advance(0.1)
    assert connect_as(two, "alice").close_code is None


def test_a_guest_key_is_good_on_every_server_with_the_same_secret(start: Start) -> None:
    one, two, other = start(server={"secret": SECRET}), start(server={"secret": SECRET}), start()
    key = connect_as(one, "alice").receive("system", event="welcome")["guest_key"]
    assert connect_as(two, "alice", guest_key=key).close_code is None
    assert connect_as(other, "alice", guest_key=key).close_code == 4009


def test_servers_without_a_common_secret_say_so(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start(server={"secret": SECRET})
    assert "server.secret" not in caplog.text
    start()
    assert "server.secret is not set" in caplog.text
    caplog.clear()
    with HubForTests():
        assert "server.secret" not in caplog.text


def test_what_other_servers_have_accepted_counts(start: Start) -> None:
    limit = {"rate_limit": {"messages": 3, "seconds": 10}, "chat": {}}
    one, two = start(limit), start(limit)
    one.advance(1.1)
    here, there = one.connect("alice"), two.connect("alice")
    for content in "12":
        here.say(content)
    one.advance(0.2)
    for content in "34":
        there.say(content)
    error = there.receive("error")
    assert (error["code"], error["retry_after"] > 9) == ("rate_limited", True)
    one.advance(0.2)
    here.say("5")
    assert here.receive("error")["code"] == "rate_limited"
    one.advance(10)
    here.say("6")
    there.take("error")
    there.say("7")
    assert not here.take("error")
    assert not there.take("error")


def test_who_goes_to_another_server_does_not_start_over(start: Start) -> None:
    limit = {"rate_limit": {"messages": 1}, "chat": {}}
    one, two = start(limit), start(limit)
    one.advance(1.1)
    alice = one.connect("alice")
    alice.say("1")
    alice.close()
    one.advance(0.2)
    alice = two.connect("alice")
    alice.say("2")
    assert alice.receive("error")["code"] == "rate_limited"


def test_limits_of_rooms_and_types_are_kept_apart_on_other_servers(start: Start) -> None:
    limit = {"rate_limit": {"messages": 1, "types": {"private": {"messages": 1}}}, "chat": {}}
    rooms = {"options": {"busy-*": {"plugins": {"rate_limit": {"messages": 2}}}}}
    one, two = start(limit, rooms=rooms), start(limit, rooms=rooms)
    one.advance(1.1)
    here, there = one.connect("alice", "busy-1"), two.connect("alice", "busy-1")
    here.say("1")
    one.advance(0.2)
    there.say("2")
    there.send({"type": "private", "to": "alice", "content": "x"})
    there.send({"type": "join", "room": "lobby"})
    there.say("3", room="lobby")
    assert not there.take("error")
    there.say("4")
    assert there.receive("error")["code"] == "rate_limited"


@pytest.mark.parametrize(("policy", "code"), [("count", None), ("refuse", "unavailable")])
def test_the_config_says_what_becomes_of_events_while_the_broker_is_away(
    start: Start, policy: str, code: str | None
) -> None:
    one = start({"rate_limit": {"when_alone": policy, "others": {"messages": 1}}, "presence": {}})
    alice = one.connect("alice")
    one.loop.call_soon(one.manager.publisher.broker_lost, "the cable was cut")
    one.settle()
    alice.send({"type": "presence"})
    assert [each["code"] for each in alice.take("error")] == ([code] if code else [])
    alice.send({"type": "presence"})
    assert alice.receive("error")["code"] == (code or "rate_limited")


def test_a_server_with_other_limits_is_noticed(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    rooms = {"options": {"busy-*": {"plugins": {"rate_limit": {"messages": 2}}}}}
    one = start({"rate_limit": {}, "chat": {}}, rooms=rooms)
    start({"rate_limit": {}, "chat": {}})
    one.advance(1.1)
    one.connect("alice", "busy-1").say("1")
    one.advance(0.2)
    assert "has other rate limits than this one" in caplog.text


class Members(Plugin[PluginConfig]):
    """Knows members by their token, and leaves everyone else to come in as a guest."""

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return Identity(handshake.token) if handshake.token else None


def test_a_guest_who_has_the_name_of_a_member_by_chance_makes_way_on_every_server(start: Start) -> None:
    one, two = (start({"members": {}}, plugins={"members": Members}) for _ in range(2))
    guest = one.connect()
    name = guest.receive("system", event="welcome")["user"]
    one.advance(0.1)
    member = two.connect(query={"token": name})
    one.advance(0.1)
    assert (guest.close_code, member.close_code) == (4009, None)
