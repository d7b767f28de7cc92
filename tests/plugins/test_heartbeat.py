"""The heartbeat plugin: the silent are asked, the dead are let go, the living never."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hubbub.core import Connection, Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests

INTERVAL, TIMEOUT, TICK = 30, 10, 1


def answer(client: ClientForTests) -> None:
    """Answer the last JSON ping as a program does."""
    client.send({"type": "pong", "timestamp": client.take("ping")[-1]["timestamp"]})


def test_the_server_asks_once_an_interval() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        alice = hub.connect("alice")
        hub.advance(INTERVAL * 0.75 - 2 * TICK)
        assert alice.pings == 0
        hub.advance(INTERVAL * 0.25 + 2 * TICK)
        assert alice.pings == 1
        hub.advance(10 * INTERVAL)
        assert 11 <= alice.pings <= 16
        assert alice.close_code is None


def test_a_dead_peer_is_gone_within_interval_and_timeout() -> None:
    with HubForTests({"presence": {}, "heartbeat": {}}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.fall_silent()
        hub.advance(INTERVAL + TIMEOUT + TICK)
        assert alice.close_code == 4010
        assert alice.close_reason == "no sign of life within 40 seconds"
        event = bob.receive("system", event="left", user="alice")
        assert event["reason"] == "lost"
        assert bob.close_code is None
        assert "alice" not in hub.manager.users


@pytest.mark.parametrize(("interval", "timeout"), [(30, 10), (5, 10), (1, 60), (60, 0.5), (0.1, 0.1), (7.3, 2.9)])
def test_whenever_a_peer_dies_it_is_gone_in_time(interval: float, timeout: float) -> None:
    tick = min(1.0, interval / 4, timeout / 4)
    for quarters in range(4):
        with HubForTests({"heartbeat": {"interval": interval, "timeout": timeout}}) as hub:
            alice = hub.connect("alice")
            hub.advance(interval * quarters / 4)
            alice.alive()
            alice.fall_silent()
            hub.advance(interval + timeout + tick)
            assert alice.close_code == 4010


@pytest.mark.parametrize(("interval", "timeout"), [(30, 10), (5, 10), (7.3, 2.9)])
def test_who_answers_within_the_timeout_stays(interval: float, timeout: float) -> None:
    with HubForTests({"heartbeat": {"interval": interval, "timeout": timeout}}) as hub:
        alice = hub.connect("alice")
        alice.fall_silent()
        for _ in range(20):
            pings = alice.pings
            while alice.pings == pings:
                hub.advance(0.1)
            hub.advance(timeout - 0.11)
            alice.alive()
        assert alice.close_code is None


SIGNS: list[Callable[[ClientForTests], None]] = [
    ClientForTests.alive,
    lambda client: client.send({"type": "message", "content": "hi"}),
    lambda client: client.send({"type": "pong"}),
    lambda client: client.send({"type": "ping"}),
    lambda client: client.send("this is not even JSON"),
]


@pytest.mark.parametrize("sign", SIGNS)
def test_any_sign_of_life_counts(sign: Callable[[ClientForTests], None]) -> None:
    with HubForTests({"chat": {}, "heartbeat": {}}) as hub:
        alice = hub.connect("alice")
        alice.fall_silent()
        for _ in range(20):
            hub.advance(INTERVAL)
            sign(alice)
        assert alice.close_code is None
        hub.advance(INTERVAL + TIMEOUT + TICK)
        assert alice.close_code == 4010


def test_who_is_busy_is_not_asked() -> None:
    with HubForTests({"chat": {}, "heartbeat": {}}) as hub:
        alice = hub.connect("alice")
        for _ in range(100):
            alice.say("hi")
            hub.advance(10)
        assert alice.pings == 0


def test_a_person_whose_transport_has_no_ping_frames_is_never_thrown_out() -> None:
    with HubForTests({"chat": {}, "heartbeat": {}}) as hub:
        alice = hub.connect("alice", can_ping=False)
        hub.advance(100 * INTERVAL)
        assert alice.close_code is None
        assert len(alice.take("ping")) >= 99


@pytest.mark.parametrize("typed", ["ping", "pong"])
def test_nor_is_one_who_typed_ping_or_pong_once(typed: str) -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        alice = hub.connect("alice", can_ping=False)
        alice.send({"type": typed})
        hub.advance(100 * INTERVAL)
        assert alice.close_code is None


def test_a_program_that_has_answered_pings_and_falls_silent_is_gone_where_there_are_no_ping_frames() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        robot = hub.connect("robot", can_ping=False)
        for _ in range(5):
            hub.advance(INTERVAL)
            answer(robot)
            assert robot.close_code is None
        hub.advance(INTERVAL + TIMEOUT + TICK)
        assert robot.close_code == 4010


def test_json_pings_go_to_clients_that_speak_them_and_ping_frames_to_all() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        speaker, other = hub.connect("alice"), hub.connect("bob")
        speaker.send({"type": "ping"})
        hub.advance(INTERVAL)
        ping = speaker.receive("ping")
        assert ping["timestamp"].endswith("Z")
        assert other.take("ping") == []
        assert (speaker.pings, other.pings) == (1, 1)


@pytest.mark.parametrize(("mode", "expected"), [("always", [1, 1]), ("never", [0, 0]), ("auto", [0, 1])])
def test_to_whom_json_pings_go_is_an_option(mode: str, expected: list[int]) -> None:
    with HubForTests({"heartbeat": {"json_ping": mode}}) as hub:
        clients = [hub.connect("alice"), hub.connect("bob", can_ping=False)]
        hub.advance(INTERVAL)
        assert [len(client.take("ping")) for client in clients] == expected
        assert [client.pings for client in clients] == [1, 0]


def test_the_interval_can_differ_by_the_room_of_the_url() -> None:
    rooms = {"options": {"trading": {"plugins": {"heartbeat": {"interval": 2, "timeout": 1}}}}}
    with HubForTests({"heartbeat": {}}, rooms=rooms) as hub:
        trader, alice = hub.connect("bob", "trading"), hub.connect("alice")
        trader.fall_silent()
        alice.fall_silent()
        hub.advance(3.25)
        assert (trader.close_code, alice.close_code) == (4010, None)
        hub.advance(INTERVAL + TIMEOUT)
        assert alice.close_code == 4010


def heartbeat_timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    scheduled: list[asyncio.TimerHandle] = vars(loop)["_scheduled"]
    return [handle for handle in scheduled if not handle.cancelled()]


def test_one_timer_serves_any_number_of_connections() -> None:
    with HubForTests({"heartbeat": {}}, server={"max_connections_per_address": 10_000}) as hub:
        for number in range(500):
            hub.connect(f"user {number}")
            if number % 100 == 0:
                hub.advance(3)
            assert len(heartbeat_timers(hub.loop)) == 1
        hub.advance(INTERVAL)
        assert len(heartbeat_timers(hub.loop)) == 1


def test_thousands_that_connect_at_once_are_not_asked_at_once() -> None:
    with HubForTests({"heartbeat": {}}, server={"max_connections_per_address": 10_000}) as hub:
        clients = [hub.connect(f"user {number}") for number in range(2000)]
        asked = [0]
        for _ in range(INTERVAL):
            hub.advance(1)
            asked.append(sum(client.pings for client in clients))
        assert asked[-1] == 2000
        turns = [after - before for before, after in pairwise(asked)]
        assert max(turns) < 2000 / 4


def test_an_event_costs_the_heartbeat_nothing() -> None:
    with HubForTests({"chat": {}, "heartbeat": {}}) as hub:
        chain = hub.hub.pipeline.hooks_of("heartbeat")
        assert set(chain) == {"startup", "shutdown", "connected", "disconnected", "handle_event"}
        alice = hub.connect("alice")
        before = len(hub.loop.__dict__["_scheduled"])
        for _ in range(100):
            alice.say("hi")
        assert len(hub.loop.__dict__["_scheduled"]) == before


def test_a_server_that_was_held_up_takes_nobody_for_dead() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        alice = hub.connect("alice")
        alice.fall_silent()
        hub.advance(INTERVAL)
        assert alice.pings == 1
        vars(hub.loop)["_virtual_now"] += 600  # As after a suspended machine: nothing ran, nothing was read.
        hub.settle()
        assert alice.close_code is None
        alice.alive()  # What was waiting in the socket is read now.
        hub.advance(INTERVAL)
        assert alice.close_code is None


def test_a_connection_that_cannot_be_asked_is_closed_and_the_watch_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ping = Connection.ping

    def ping_or_fail(connection: Connection) -> bool:
        if connection.user == "broken":
            raise OSError("the socket is broken")
        return ping(connection)

    monkeypatch.setattr(Connection, "ping", ping_or_fail)
    with HubForTests({"heartbeat": {}}) as hub:
        broken, others = hub.connect("broken"), [hub.connect(f"user {number}") for number in range(20)]
        hub.advance(INTERVAL)
        assert broken.close_code == 1011
        assert [other.pings for other in others] == [1] * 20
        for other in others:
            other.fall_silent()
        hub.advance(INTERVAL + TIMEOUT + TICK)
        assert [other.close_code for other in others] == [4010] * 20
    assert "of broken cannot be checked" in caplog.text


def test_nothing_is_kept_of_connections_that_are_gone() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        for number in range(50):
            hub.connect(f"user {number}").vanish()
            hub.advance(1)
        hub.connect("alice").fall_silent()
        hub.advance(INTERVAL + TIMEOUT + TICK)
        state = vars(hub.hub.plugins["heartbeat"])
        assert not state["_slot_of"]
        assert not state["_asked"]
        assert not any(state["_slots"].values())
        assert len(state["_slots"]) <= INTERVAL + TIMEOUT


def test_closing_others_while_the_wheel_turns_does_not_disturb_it(caplog: pytest.LogCaptureFixture) -> None:
    class EmptiesTheRoom(Plugin[PluginConfig]):
        @hookimpl
        def disconnected(self, code: int) -> None:
            if code == 4010:
                for connection in list(self.manager.connections.values()):
                    connection.close(4003)

    with HubForTests({"heartbeat": {}, "empties": {}}, plugins={"empties": EmptiesTheRoom}) as hub:
        clients = [hub.connect(f"user {number}") for number in range(500)]
        for client in clients:
            client.fall_silent()
        hub.advance(INTERVAL + TIMEOUT + TICK)
        assert sorted(client.close_code or 0 for client in clients) == [4003] * 499 + [4010]
        assert not vars(hub.hub.plugins["heartbeat"])["_slot_of"]
    assert not [record for record in caplog.records if record.exc_info]


def test_the_wheel_stops_with_the_server() -> None:
    with HubForTests({"heartbeat": {}}) as hub:
        assert len(heartbeat_timers(hub.loop)) == 1
        hub.run(hub.hub.stop())
        assert heartbeat_timers(hub.loop) == []
