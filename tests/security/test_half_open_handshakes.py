"""Slowloris: connections that never finish their request, by the byte or by the thousand."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic

import pytest
import yaml

from ..end_to_end.client import Client
from ..end_to_end.conftest import Connect, StartServer
from ..end_to_end.running_server import HUBBUB, RunningServer
from .raw_client import Closed, RawClient

QUICK: dict[str, object] = {"handshake_timeout": 1}
HALF_A_REQUEST = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgr"
MANY = 10_000


@pytest.fixture
def many() -> Iterator[int]:
    """How many sockets this process may open, up to `MANY`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    yield min(MANY, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files(server: RunningServer) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def echo(client: Client, id_: str) -> float:
    """Seconds until a ping is answered."""
    begun = monotonic()
    client.send(type="ping", id=id_)
    client.wait_for(type="pong", id=id_)
    return monotonic() - begun


def test_a_request_that_comes_a_byte_at_a_time_is_cut(start_server: StartServer) -> None:
    server = start_server({"server": QUICK})
    with RawClient(server) as client:
        client.socket.sendall(b"GET /ws HTTP/1.1\r\nHost: a\r\n")
        assert 0.8 < client.drip(b"X-Slow: loris\r\n", 0.05, 20) < 15
    assert "server.handshake_timeout" in server.log.wait_for("connections cut")


def test_so_is_every_other_way_of_keeping_a_connection_without_a_request(start_server: StartServer) -> None:
    server = start_server({"server": QUICK})
    get = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    beginnings = {
        "nothing at all": b"",
        "a request that stops": HALF_A_REQUEST,
        "empty lines": b"\r\n" * 10,
        "a body that stops": get + b"Content-Length: 10\r\n\r\nhalf",
        "a body in chunks without end": get + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        "a second request that stops": get + b"\r\n" + HALF_A_REQUEST,
        "a body after the answer, then nothing": get.replace(b"GET", b"PUT") + b"Content-Length: 1\r\n\r\n",
    }
    with ExitStack() as stack:
        clients = {name: stack.enter_context(RawClient(server)) for name in beginnings}
        for name, client in clients.items():
            client.socket.sendall(beginnings[name])
        for name, client in clients.items():
            begun = monotonic()
            client.rest()
            assert monotonic() - begun < 15, name


def test_a_body_dripped_after_the_answer_does_not_keep_the_connection(start_server: StartServer) -> None:
    server = start_server({"server": QUICK})
    with RawClient(server) as client:
        client.socket.sendall(b"PUT /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert client.status() == 405
        assert client.drip(b"x", 0.05, 20) < 15


def test_who_takes_the_time_but_not_more_is_served(start_server: StartServer) -> None:
    server = start_server({"server": {"handshake_timeout": 10}})
    with RawClient(server) as client:
        client.socket.settimeout(0.1)
        client.socket.sendall(HALF_A_REQUEST[:20])
        with pytest.raises(TimeoutError):
            client.rest()
        client.socket.settimeout(20)
        client.socket.sendall(HALF_A_REQUEST[20:-4])
        client.socket.sendall(b"Connection: close\r\n\r\n")
        assert client.status() in (404, 426)


def test_ten_thousand_half_open_handshakes_keep_nobody_out(
    start_server: StartServer, connect: Connect, many: int
) -> None:
    server = start_server({"server": {"handshake_timeout": 5}})
    member = connect(server, "/ws/garden?user=member")
    member.wait_for(event="joined")
    files, memory = open_files(server), server.memory
    with ExitStack() as stack:
        for number in range(many):
            half = stack.enter_context(socket.create_connection((server.host, server.port)))
            half.sendall(HALF_A_REQUEST)
            if number % 1000 == 999:
                assert echo(member, str(number)) < 5
                newcomer = connect(server, f"/ws/garden?user=newcomer-{number}")
                newcomer.wait_for(event="joined", user=f"newcomer-{number}")
                newcomer.vanish()
                member.wait_for(event="left", user=f"newcomer-{number}")
        assert open_files(server) <= files + 1000
        assert server.memory < memory + 40 * 1024 * 1024
        assert server.connections == 1
    while open_files(server) > files:  # The attack is over, and so is all that it held.
        echo(member, "after")
    if many > 1000:
        assert "server.max_handshakes" in server.log.wait_for("connections cut")


def test_the_server_recovers_while_the_attackers_keep_their_sockets(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server({"server": QUICK | {"max_handshakes": 50}})
    member = connect(server, "/ws/garden?user=member")
    member.wait_for(event="joined")
    files = open_files(server)
    with ExitStack() as stack:
        for _ in range(200):
            half = stack.enter_context(socket.create_connection((server.host, server.port)))
            half.sendall(HALF_A_REQUEST)
        while open_files(server) > files:
            echo(member, "meanwhile")


def test_a_flood_of_requests_on_one_connection_is_not_queued(start_server: StartServer) -> None:
    server = start_server()
    before = server.memory
    with RawClient(server) as client:
        with suppress(ConnectionError):
            client.socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)
        client.rest()
    assert server.memory < before + 20 * 1024 * 1024


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, id="URL"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, id="header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431, id="headers"),
        pytest.param(b"GET /" + b"a" * 1_000_000, 431, id="URL without end"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000_000, 431, id="header without end"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 100_000, 431, id="headers without end"),
        pytest.param(b"no HTTP at all\r\n\r\n", 400, id="no HTTP"),
    ],
)
def test_a_head_that_is_too_long_is_refused(server: RunningServer, request_: bytes, status: int) -> None:
    with RawClient(server) as client:
        client.socket.sendall(request_)
        assert client.status() == status


@pytest.mark.parametrize("flood", [b"X: x\r\n" * 500_000, b"X: " + b"x" * 3_000_000], ids=["many", "long"])
def test_what_comes_after_a_body_is_not_kept_without_end(start_server: StartServer, flood: bytes) -> None:
    server = start_server({"server": QUICK})
    before = server.memory
    with RawClient(server) as client:
        client.socket.sendall(b"PUT /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.status() == 405
        client.socket.sendall(b"1\r\na\r\n0\r\n")
        with suppress(ConnectionError):
            for _ in range(30):
                client.socket.sendall(flood)
        client.rest()
    assert server.memory < before + 40 * 1024 * 1024


def test_a_token_of_7_kb_fits_into_a_url_and_into_a_header(server: RunningServer) -> None:
    for path, headers in (
        (f"/ws?token={'t' * 7000}", {}),
        ("/ws", {"Authorization": f"Bearer {'t' * 7000}", "Cookie": "c" * 7000}),
    ):
        with RawClient(server) as client:
            client.handshake(path, headers)
            assert not isinstance(client.receive(), Closed)


# Open files

FEW = ("bash", "-c", 'ulimit -n 200; exec "$@"', "bash", *HUBBUB)


@pytest.fixture
def poor_server(tmp_path: Path, transport: str) -> Iterator[RunningServer]:
    """A server that may have 200 files open."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"server": {"transport": transport, **QUICK}}))
    server = RunningServer(tmp_path, command=FEW)
    yield server
    assert server.stop() == 0


def test_who_runs_out_of_files_says_so_at_the_start(poor_server: RunningServer) -> None:
    line = poor_server.log.wait_for("files open")
    assert "room for 136 of the 11000 connections" in line
    assert "Raise the limit to 11064" in line


def test_without_files_left_nobody_is_lost_and_somebody_who_goes_makes_room(
    poor_server: RunningServer, connect: Connect
) -> None:
    member = connect(poor_server, "/ws/garden?user=member")
    member.wait_for(event="joined")
    with ExitStack() as crowd:
        for number in range(400):
            client = crowd.enter_context(RawClient(poor_server))
            client.ask(f"/ws/crowd?user=member-{number}")
        assert "server.max_connections" in poor_server.log.wait_for("connections cut")
        echo(member, "crowded")
        assert open_files(poor_server) < 180
    while poor_server.connections > 1:
        echo(member, "emptying")
    connect(poor_server, "/ws/garden?user=late").wait_for(event="joined", user="late")
    assert not [line for line in poor_server.log.all() if "Traceback" in line]
