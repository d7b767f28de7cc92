"""What a client may say while it connects."""

from __future__ import annotations

import json
import re
from typing import cast

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from .client import Client
from .conftest import Connect, StartServer
from .running_server import RunningServer


def test_without_a_subprotocol_the_client_speaks_json(server: RunningServer, connect: Connect) -> None:
    client = connect(server)
    assert client.websocket.subprotocol is None
    assert client.receive()["protocol"] == "hubbub.v1.json"


def test_the_first_known_subprotocol_is_taken_and_unknown_ones_are_ignored(
    server: RunningServer, connect: Connect
) -> None:
    client = connect(server, subprotocols=["graphql-ws", "hubbub.v1.json", "hubbub.v1.msgpack"])
    assert client.websocket.subprotocol == "hubbub.v1.json"
    stranger = connect(server, subprotocols=["graphql-ws", "mqtt"])
    assert stranger.websocket.subprotocol is None
    assert stranger.receive()["protocol"] == "hubbub.v1.json"


def test_messagepack_goes_both_ways_and_json_speakers_hear_it(server: RunningServer, connect: Connect) -> None:
    person = connect(server, "/ws/both?user=person")
    service = connect(server, "/ws/both?user=service", subprotocols=["hubbub.v1.msgpack"])
    assert service.websocket.subprotocol == "hubbub.v1.msgpack"

    def receive() -> dict[str, object]:
        frame = service.websocket.recv(10)
        assert isinstance(frame, bytes)
        return cast("dict[str, object]", msgspec.msgpack.decode(frame))

    assert receive()["protocol"] == "hubbub.v1.msgpack"
    assert receive()["event"] == "joined"
    service.websocket.send(msgspec.msgpack.encode({"type": "message", "content": "binary hello"}))
    assert person.wait_for(type="message")["content"] == "binary hello"
    assert receive()["content"] == "binary hello"
    person.send(type="message", content="text hello")
    assert receive()["content"] == "text hello"


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("/ws", "lobby"),
        ("/ws/", "lobby"),
        ("/ws/garden", "garden"),
        ("/ws/caf%C3%A9-%F0%9F%8C%B1", "café-🌱"),
        ("/ws/50%25", "50%"),
        ("/ws?room=elsewhere", "lobby"),
    ],
)
def test_the_room_stands_in_the_url(server: RunningServer, connect: Connect, path: str, room: str) -> None:
    assert connect(server, path).receive()["room"] == room


def test_a_name_may_have_any_visible_characters(server: RunningServer, connect: Connect) -> None:
    client = connect(server, "/ws?user=Zo%C3%AB+%E6%9D%8E")
    assert client.receive()["user"] == "Zoë 李"


def test_who_gives_no_name_gets_a_friendly_one_of_their_own(server: RunningServer, connect: Connect) -> None:
    names = {str(connect(server).receive()["user"]) for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d+", name) for name in names)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/ws?user=", "user name"),
        ("/ws?user=%20alice", "user name"),
        ("/ws?user=a%00b", "user name"),
        ("/ws?user=%E2%80%AEecila", "user name"),
        (f"/ws?user={'a' * 65}", "user name"),
        ("/ws/a%20b", "room name"),
        ("/ws/a%07b", "room name"),
        (f"/ws/{'r' * 129}", "room name"),
    ],
)
def test_a_name_that_nobody_may_have_is_refused_with_the_reason(
    server: RunningServer, connect: Connect, path: str, what: str
) -> None:
    client = connect(server, path)
    assert client.close_code() == 4003
    assert what in client.close_reason


def test_other_paths_and_other_requests_are_told_so(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Client(server.url("/nowhere"))
    answer = refused.value.response
    assert answer.status_code in (403, 404)
    assert answer.status_code == 403 or b"There is no WebSocket here: it is at /ws." in (answer.body or b"")
    status, _ = server.get("/ws")
    assert status in (404, 426)


def test_the_path_of_the_websocket_is_what_the_config_says(start_server: StartServer, connect: Connect) -> None:
    server = start_server({"server": {"path": "/live/chat"}})
    assert connect(server, "/live/chat/garden").receive()["room"] == "garden"
    assert "/live/chat?user=alice" in "\n".join(server.output.all())


def test_health_is_told_to_who_asks(server: RunningServer, connect: Connect) -> None:
    assert server.get("/healthz") == (200, '{"status":"ok"}')
    before = server.connections
    connect(server).receive()
    status, body = server.get("/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready", "connections": before + 1})


def test_a_handshake_is_in_the_access_log_where_the_config_asks_for_it(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server({"logging": {"access": True}})
    assert connect(server, "/ws/garden?user=alice&token=s3cret").receive()["room"] == "garden"
    line = server.log.wait_for("[accepted]")
    assert "/ws/garden?user=alice" in line
    assert "s3cret" not in line
