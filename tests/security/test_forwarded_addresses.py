"""Spoofed addresses: who is not a trusted proxy is told apart by its socket, whatever it says."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.request import Request, urlopen

import pytest

from ..end_to_end.conftest import StartServer
from ..end_to_end.running_server import RunningServer
from .raw_client import Closed, RawClient

ONE_EACH: dict[str, object] = {"max_connections_per_address": 1}
TRUSTING: dict[str, object] = {**ONE_EACH, "trusted_proxies": ["127.0.0.0/8"]}
SPEAKING_PROXY: dict[str, object] = {**TRUSTING, "proxy_protocol": True}

HEALTH_CHECK = b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x20, 0, 0)
"""A proxy that speaks for itself."""


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Where connections stay open until the test is over."""
    with ExitStack() as clients:
        yield clients


def comes_in(clients: ExitStack, server: RunningServer, *forwarded: str, first: bytes = b"") -> bool:
    """Whether a connection with these `X-Forwarded-For` headers is not one too many of its address."""
    client = clients.enter_context(RawClient(server))
    names = ("X-Forwarded-For", "x-forwarded-for")
    client.handshake("/ws", dict(zip(names, forwarded, strict=False)), first=first)
    answer = client.receive()
    assert not isinstance(answer, Closed) or answer.code == 1013
    return not isinstance(answer, Closed)


def test_a_stranger_has_one_address_whatever_it_says(start_server: StartServer, clients: ExitStack) -> None:
    server = start_server({"server": ONE_EACH}, environment={"FORWARDED_ALLOW_IPS": "*"})
    assert comes_in(clients, server, "198.51.100.1")
    for forged in ("198.51.100.2", "127.0.0.1", "::1", "198.51.100.3, 127.0.0.1"):
        assert not comes_in(clients, server, forged)
    server.log.wait_for("server.trusted_proxies")
    page = Request(f"http://{server.host}:{server.port}/", headers={"X-Forwarded-For": "198.51.100.4"})
    with urlopen(page, timeout=10) as response:
        assert response.status == 200
    assert len([line for line in server.log.all() if "server.trusted_proxies" in line]) == 1


def test_behind_a_trusted_proxy_clients_are_told_apart(start_server: StartServer, clients: ExitStack) -> None:
    server = start_server({"server": TRUSTING})
    assert comes_in(clients, server, "198.51.100.1")
    assert comes_in(clients, server, "198.51.100.2")
    assert not comes_in(clients, server, "198.51.100.1")


def test_what_a_client_puts_before_the_proxys_own_word_does_not_count(
    start_server: StartServer, clients: ExitStack
) -> None:
    server = start_server({"server": TRUSTING})
    assert comes_in(clients, server, "198.51.100.1")
    for forged in ("6.6.6.6", "127.0.0.1", "unknown", "198.51.100.2, 6.6.6.6", "'", "6.6.6.6,"):
        assert not comes_in(clients, server, f"{forged}, 198.51.100.1")
        assert not comes_in(clients, server, forged, "198.51.100.1, 127.0.0.9")
    assert comes_in(clients, server, "198.51.100.1, 198.51.100.2")


def test_a_client_with_many_ipv6_addresses_is_still_one(start_server: StartServer, clients: ExitStack) -> None:
    server = start_server({"server": TRUSTING})
    assert comes_in(clients, server, "2001:db8::1")
    assert not comes_in(clients, server, "2001:db8::2")
    assert comes_in(clients, server, "2001:db8:0:1::1")
    assert comes_in(clients, server, "203.0.113.7")
    assert not comes_in(clients, server, "::ffff:203.0.113.7")


def test_the_access_log_names_the_client_and_not_the_proxy(start_server: StartServer, clients: ExitStack) -> None:
    server = start_server({"server": TRUSTING, "logging": {"access": True}})
    assert comes_in(clients, server, "198.51.100.1")
    assert "198.51.100.1" in server.log.wait_for("[accepted]")
    with RawClient(server) as client:
        client.socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.2\r\n\r\n")
        assert client.status() == 200
    assert "198.51.100.2" in server.log.wait_for("/healthz")


# The PROXY protocol


def line(address: str) -> bytes:
    return f"PROXY TCP4 {address} 10.0.0.1 4000 443\r\n".encode()


def packed(address: str, extra: bytes = b"") -> bytes:
    payload = socket.inet_aton(address) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 4000, 443) + extra
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(payload)) + payload


def test_a_proxy_that_passes_bytes_on_tells_its_clients_apart(
    start_server: StartServer, clients: ExitStack
) -> None:
    server = start_server({"server": SPEAKING_PROXY})
    assert comes_in(clients, server, first=line("198.51.100.1"))
    assert comes_in(clients, server, first=packed("198.51.100.2"))
    assert not comes_in(clients, server, first=packed("198.51.100.1", b"\x04\x00\x03abc"))
    assert not comes_in(clients, server, first=line("198.51.100.2"))


def test_a_client_behind_such_a_proxy_is_not_believed_itself(
    start_server: StartServer, clients: ExitStack
) -> None:
    server = start_server({"server": SPEAKING_PROXY})
    assert comes_in(clients, server, "6.6.6.6", first=line("198.51.100.1"))
    assert not comes_in(clients, server, "6.6.6.7", first=line("198.51.100.1"))
    with RawClient(server) as client:
        client.socket.sendall(line("198.51.100.3") + line("6.6.6.6") + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.status() == 400


def test_the_header_may_come_in_pieces_and_a_health_check_has_no_client(start_server: StartServer) -> None:
    server = start_server({"server": SPEAKING_PROXY})
    request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    for first in (line("198.51.100.1"), packed("198.51.100.1"), b"PROXY UNKNOWN\r\n", HEALTH_CHECK):
        with RawClient(server) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(len(first)):
                client.socket.sendall(first[number : number + 1])
            client.socket.sendall(request)
            assert client.status() == 200


NO_PROXY_HEADERS = [b"", b"PROXY TCP4 6.6.6.6\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0", b"\x16\x03\x01\x02\x00"]


def test_a_trusted_proxy_must_speak_it(start_server: StartServer) -> None:
    server = start_server({"server": SPEAKING_PROXY})
    for first in NO_PROXY_HEADERS:
        with RawClient(server) as client:
            client.socket.sendall(first + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.status() == 400
    assert "127.0.0.1" in server.log.wait_for("server.proxy_protocol")
    assert len([line for line in server.log.all() if "server.proxy_protocol" in line]) == 1


def test_a_health_check_that_is_gone_before_it_is_looked_at_is_no_matter(start_server: StartServer) -> None:
    server = start_server({"server": SPEAKING_PROXY})
    for _ in range(20):
        with RawClient(server) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.sendall(HEALTH_CHECK)
    with RawClient(server) as client:
        client.socket.sendall(line("198.51.100.1") + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.status() == 200
    assert not [line for line in server.log.all() if "HTTP" in line or "PROXY" in line]


def test_a_stranger_must_not_speak_it_and_needs_not(start_server: StartServer, clients: ExitStack) -> None:
    server = start_server({"server": SPEAKING_PROXY | {"trusted_proxies": ["10.0.0.1"]}})
    with RawClient(server) as client:
        client.socket.sendall(line("198.51.100.1") + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.status() == 400
    assert comes_in(clients, server)
    assert not comes_in(clients, server)
