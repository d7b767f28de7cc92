"""What a thousand clients leave behind when they go."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack

from .conftest import Connect, StartServer

REQUEST = (
    "GET /ws/crowd-{room}?user=member-{number} HTTP/1.1\r\nHost: test\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def wait_for_entry(member: socket.socket) -> None:
    member.settimeout(20)
    answer = b""
    while b'"joined"' not in answer:
        data = member.recv(4096)
        assert data, answer
        answer += data


def test_of_a_thousand_clients_that_vanish_at_once_nothing_stays(
    start_server: StartServer, connect: Connect
) -> None:
    # Neither the test nor the server may need more files than a fresh shell allows: 1,024, less what is open.
    server = start_server({"server": {"max_members_per_room": 100}})
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection((server.host, server.port))) for _ in range(900)]
        for number, member in enumerate(crowd):
            member.sendall(REQUEST.format(room=number // 100, number=number).encode())
        for member in crowd:
            wait_for_entry(member)
        assert server.connections == 900
        full = connect(server, "/ws/crowd-0?user=late")
        assert full.close_code() == 1013
        for member in crowd:
            member.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
            )  # Reset, do not say goodbye.
    while server.connections:
        pass
    late = connect(server, "/ws/crowd-0?user=late")
    late.send(type="presence", id="1")
    presence = late.wait_for(type="presence")
    assert [user["user"] for user in presence["users"]] == ["late"]  # type: ignore[index, union-attr]


def test_of_many_that_come_in_one_moment_all_who_stay_are_served(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server()
    connect(server, "/ws/elsewhere?user=first").wait_for(event="joined")
    with ExitStack() as stack:
        os.kill(server.process.pid, signal.SIGSTOP)  # They wait in the socket that listens.
        crowd = [stack.enter_context(socket.create_connection((server.host, server.port))) for _ in range(120)]
        for number, member in enumerate(crowd):
            member.sendall(REQUEST.format(room=number, number=number).encode())
        for member in crowd[::3]:
            member.close()
        os.kill(server.process.pid, signal.SIGCONT)
        staying = [member for number, member in enumerate(crowd) if number % 3]
        for member in staying:
            wait_for_entry(member)
        while server.connections > len(staying) + 1:
            pass
        assert server.connections == len(staying) + 1


def test_clients_that_come_and_go_do_not_make_the_server_grow(start_server: StartServer, connect: Connect) -> None:
    server = start_server()

    def come_and_go(times: int) -> None:
        for number in range(times):
            client = connect(server, f"/ws/room-{number}?user=user-{number}")
            client.wait_for(event="joined")
            client.vanish()
        while server.connections:
            pass

    come_and_go(500)  # So that what is made once is there.
    before = server.memory
    come_and_go(500)
    assert server.memory - before < 1024 * 1024
