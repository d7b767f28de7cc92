"""The kit that authors of plugins test with."""

import asyncio

import pytest
from hubbub.core import Plugin, PluginConfig, StateKey, hookimpl
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests
from hubbub.protocol import Message


def test_everything_that_a_call_sets_off_has_happened_when_it_returns() -> None:
    with HubForTests({"chat": {}, "presence": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        assert alice.receive("system", event="joined", user="bob")
        alice.say("hello", id="1")
        assert bob.receive("message", content="hello", user="alice")
        assert alice.receive("ack", id="1")
        bob.vanish()
        assert alice.receive("system", event="left", reason="lost")


def test_receive_takes_the_oldest_that_fits_and_says_what_came_instead() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice")
        alice.take()
        for content in ("one", "two", "one"):
            alice.say(content)
        assert alice.receive("message", content="two")["content"] == "two"
        assert alice.receive()["content"] == "one"
        assert alice.receive(user="alice")["content"] == "one"
        alice.say("three")
        with pytest.raises(AssertionError, match=r"no event with .*'four'.* has come, but: .*'three'"):
            alice.receive("message", content="four")
        with pytest.raises(AssertionError):
            alice.receive("message", nothing=None)
        assert [event["content"] for event in alice.events] == ["three"]


def test_take_takes_all_of_a_type_also_where_they_are_equal() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        for _ in range(3):
            alice.send({"type": "ping"})
        assert len(alice.take("pong")) == 3
        assert {event["type"] for event in alice.events} == {"system"}
        assert len(alice.take()) == 2
        assert alice.take() == alice.events == []


def test_a_client_shows_how_it_was_closed_and_has_no_connection_any_more() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        assert (alice.close_code, alice.close_reason) == (None, "")
        connection = alice.connection
        assert connection.user == "alice"
        hub.loop.call_soon(connection.close, 4003, "Out.")
        hub.settle()
        assert (alice.close_code, alice.close_reason) == (4003, "Out.")
        with pytest.raises(LookupError):
            _ = alice.connection


def test_a_dead_socket_costs_only_its_own_connection() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice, bob, carol = hub.connect("alice"), hub.connect("bob"), hub.connect("carol")
        bob.fail_writes()
        alice.say("hello")
        assert carol.receive("message", content="hello")
        assert alice.receive("message", content="hello")
        assert list(hub.manager.users) == ["alice", "carol"]
        assert bob.close_code == 1011


def test_alive_is_a_sign_of_life_without_an_event() -> None:
    with HubForTests() as hub:
        alice = hub.connect("alice")
        seen = alice.connection.last_seen
        hub.advance(5)
        assert alice.connection.last_seen == seen
        alice.alive()
        assert alice.connection.last_seen == seen + 5


def test_run_waits_for_the_result_of_something_asynchronous() -> None:
    async def answer() -> int:
        await asyncio.sleep(30)
        return 42

    with HubForTests() as hub:
        begun = hub.loop.time()
        assert hub.run(answer()) == 42
        assert 30 <= hub.loop.time() - begun < 31


def test_the_pings_of_a_transport_are_counted_where_it_has_any() -> None:
    with HubForTests() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", can_ping=False)
        answers: list[bool] = []
        for connection in (alice.connection, bob.connection):
            hub.loop.call_soon(lambda each=connection: answers.append(each.ping()))
        hub.settle()
        assert answers == [True, False]
        assert (alice.pings, bob.pings) == (1, 0)


def test_a_mistake_in_the_config_is_the_one_of_a_real_server() -> None:
    with pytest.raises(ConfigError, match=r"plugins.chat.welcom: unknown key. Did you mean 'welcome'"):
        HubForTests({"chat": {"welcom": "hi"}})
    with pytest.raises(ConfigError, match=r"server.prot: unknown key"):
        HubForTests(server={"prot": 1})


def test_leaving_the_block_stops_the_server_also_after_an_error() -> None:
    stopped: list[str] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def shutdown(self) -> None:
            stopped.append("stopped")

    hub = HubForTests({"watches": {}}, plugins={"watches": Watches})
    with pytest.raises(LookupError), hub:
        hub.connect("alice").connection.state[StateKey[int]("never set")]
    assert stopped == ["stopped"]
    assert not hub.manager.connections
    assert hub.loop.is_closed()


def test_both_formats_are_received_as_the_same_objects() -> None:
    with HubForTests({"chat": {}}) as hub:
        plain, packed = hub.connect("alice"), hub.connect("alice", subprotocols=("hubbub.v1.msgpack",))
        packed.say({"a": [1, 2.5, None, True, "é"]})
        assert plain.receive("message") == packed.receive("message")
        hub.loop.call_soon(hub.manager.publish, "lobby", Message(content="from the server"))
        hub.settle()
        assert plain.receive("message") == packed.receive("message")
