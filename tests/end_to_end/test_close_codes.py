"""Each close code that can occur, as a client sees it."""

from __future__ import annotations

import socket
import textwrap
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from .conftest import PLUGINS, Connect, StartServer
from .running_server import RunningServer


def assert_others_live(server: RunningServer, connect: Connect) -> None:
    other = connect(server, "/ws?user=other")
    other.wait_for(event="joined")
    other.send(type="ping", id="alive")
    other.wait_for(type="pong", id="alive")


@pytest.mark.parametrize(
    ("size", "code"),
    [pytest.param(1024, None, id="at the limit"), pytest.param(1025, 1009, id="over it")],
)
def test_1009_a_frame_over_the_limit(
    start_server: StartServer, connect: Connect, size: int, code: int | None
) -> None:
    server = start_server({"server": {"max_frame_size": 1024}})
    client = connect(server, "/ws?user=alice")
    client.wait_for(event="joined")
    event = '{"type":"ping","id":"1"}'
    client.websocket.send(event + " " * (size - len(event)))
    if code is None:
        client.wait_for(type="pong", id="1")
    else:
        assert client.close_code() == code
    assert_others_live(server, connect)


def test_1009_a_message_over_the_limit_in_small_fragments(start_server: StartServer, connect: Connect) -> None:
    server = start_server({"server": {"max_frame_size": 1024}})
    client = connect(server)
    client.wait_for(event="joined")
    client.websocket.send("x" * 100 for _ in range(11))
    assert client.close_code() == 1009
    assert_others_live(server, connect)


def test_1007_a_text_frame_that_is_not_utf_8(server: RunningServer, connect: Connect) -> None:
    for data in (b'{"type":"ping","id":"\xff"}', b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        client = connect(server)
        client.wait_for(event="joined")
        client.websocket.socket.sendall(Frame(Opcode.TEXT, data).serialize(mask=True))
        assert client.close_code() == 1007
    assert_others_live(server, connect)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'\x81\x0f{"type":"ping"}', id="not masked"),
        pytest.param(b"\x80\x80mask", id="the continuation of nothing"),
        pytest.param(b"\xc1\x80mask", id="a reserved bit"),
        pytest.param(b"\x83\x80mask", id="an unknown opcode"),
        pytest.param(b"\x09\x80mask", id="half a ping"),
        pytest.param(b"\x89\xfe\x00\x7emask" + bytes(126), id="a ping that is too long"),
        pytest.param(b"\x88\x81mask\x00", id="half a close code"),
    ],
)
def test_1002_a_frame_that_breaks_the_protocol(server: RunningServer, connect: Connect, data: bytes) -> None:
    client = connect(server)
    client.wait_for(event="joined")
    client.websocket.socket.sendall(data)
    assert client.close_code() == 1002
    assert_others_live(server, connect)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"server": {"max_connections": 2}}, "as many connections as"),
        ({"server": {"max_connections_per_address": 2}}, "from your address"),
        ({"server": {"max_members_per_room": 2}}, "is full"),
        ({"rooms": {"options": {"lob*": {"max_members": 2}}}}, "is full"),
    ],
)
def test_1013_one_more_than_there_is_place_for(
    start_server: StartServer, connect: Connect, limits: dict[str, object], says: str
) -> None:
    server = start_server(limits)
    alice, bob = connect(server, "/ws?user=alice"), connect(server, "/ws?user=bob")
    bob.wait_for(event="joined")
    carol = connect(server, "/ws?user=carol")
    assert carol.close_code() == 1013
    assert says in carol.close_reason
    bob.close()
    alice.wait_for(event="left", user="bob")
    assert connect(server, "/ws?user=carol").receive()["event"] == "welcome"


def test_4003_a_room_that_is_not_for_this_user(start_server: StartServer, connect: Connect) -> None:
    rules = {"staff-*": {"join": "alice"}, "*": {"join": "everyone"}}
    server = start_server({"plugins": PLUGINS | {"permissions": {"rooms": rules}}})
    assert connect(server, "/ws/hall?user=carol").receive()["event"] == "welcome"
    assert connect(server, "/ws/staff-room?user=alice").close_code() == 4003  # Nobody vouches for that name.
    mallory = connect(server, "/ws/staff-room?user=mallory")
    assert mallory.close_code() == 4003
    assert "staff-room" in mallory.close_reason
    guest = connect(server, "/ws?user=mallory")
    guest.send(type="join", room="staff-room", id="1")
    assert guest.wait_for(type="error", id="1")["code"] == "forbidden"


def test_4008_whoever_keeps_on_past_the_rate_limit(start_server: StartServer, connect: Connect) -> None:
    limit = {"messages": 10, "seconds": 60, "close_after": 5}
    server = start_server({"plugins": PLUGINS | {"rate_limit": limit}})
    client = connect(server, "/ws?user=flood")
    for _ in range(15):
        client.send(type="message", content="buy now")
    for _ in range(10):
        client.wait_for(type="message")
    for _ in range(5):
        refused = client.wait_for(type="error")
        assert refused["message"] == "Rate limit exceeded. Slow down."
        assert 0 < float(str(refused["retry_after"])) <= 60
    assert client.close_code() == 4008


def test_4009_one_connection_too_many_of_one_user(start_server: StartServer, connect: Connect) -> None:
    server = start_server({"server": {"max_connections_per_user": 2, "guest_names": "shared"}})
    tabs = [connect(server, "/ws?user=alice") for _ in range(2)]
    tabs[1].wait_for(event="joined")
    assert connect(server, "/ws?user=alice").close_code() == 4009
    assert connect(server, "/ws?user=bob").receive()["event"] == "welcome"


def test_4009_the_name_of_another_guest_who_is_online(start_server: StartServer, connect: Connect) -> None:
    server = start_server({})
    key = connect(server, "/ws?user=alice").wait_for(event="welcome")["guest_key"]
    assert connect(server, "/ws?user=alice").close_code() == 4009
    assert connect(server, f"/ws?user=alice&guest_key={key}").receive()["event"] == "welcome"


def test_4010_a_client_that_gives_no_sign_of_life(start_server: StartServer, connect: Connect) -> None:
    heartbeat = {"interval": 0.4, "timeout": 0.4}
    server = start_server({"plugins": PLUGINS | {"heartbeat": heartbeat}})
    alice = connect(server, "/ws?user=alice")
    with socket.create_connection((server.host, server.port), timeout=20) as dead:
        dead.sendall(
            b"GET /ws?user=dead HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        received = b""

        def receive_until(part: bytes, *, after: bytes = b"") -> None:
            nonlocal received
            while part not in received.partition(after or b"HTTP")[2]:
                received += dead.recv(4096) or pytest.fail(f"{part!r} did not come: {received!r}")

        receive_until(b'"joined"')
        # ASGI has no ping frames: there, who has answered a ping event once is expected to go on with that.
        dead.sendall(Frame(Opcode.TEXT, b'{"type":"ping","id":"speaks ping"}').serialize(mask=True))
        receive_until(b'{"type":"ping","timestamp"')
        receive_until(b'"}', after=b'{"type":"ping","timestamp"')
        timestamp = received.partition(b'{"type":"ping","timestamp":"')[2].partition(b'"')[0]
        pong = b'{"type":"pong","timestamp":"' + timestamp + b'"}'
        dead.sendall(Frame(Opcode.TEXT, pong).serialize(mask=True))
        receive_until((4010).to_bytes(2) + b"no sign of life")
        assert alice.wait_for(event="left", user="dead")["reason"] == "lost"
    alice.send(type="ping", id="here")
    alice.wait_for(type="pong", id="here")


def test_1011_where_a_plugin_fails_while_a_client_connects(
    start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(
        textwrap.dedent("""
        from hubbub.core import Connection, Plugin, PluginConfig, hookimpl

        class Broken(Plugin[PluginConfig]):
            @hookimpl
            def check_connect(self, connection: Connection) -> None:
                if connection.user == "mallory":
                    raise RuntimeError("the database of users is away")
        """)
    )
    server = start_server({"plugins": {"chat": {}, "broken:Broken": {}}})
    server.expects_errors = True
    unlucky = connect(server, "/ws?user=mallory")
    assert unlucky.close_code() == 1011
    assert "database" not in unlucky.close_reason
    line = server.log.wait_for("the database of users is away")
    assert "broken:Broken" in line
    assert_others_live(server, connect)
