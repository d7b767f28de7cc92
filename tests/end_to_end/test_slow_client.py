"""A client that does not read costs bounded memory and nobody's time."""

from __future__ import annotations

import socket
from time import monotonic

from websockets.exceptions import ConnectionClosed

from .client import Client
from .conftest import PLUGINS, Connect, StartServer
from .running_server import RunningServer

MEBIBYTE = 1024 * 1024
CONTENT = "x" * 32_768
CONFIG: dict[str, object] = {
    "server": {"max_outgoing_buffer": MEBIBYTE},
    "plugins": PLUGINS | {"validation": {"max_length": len(CONTENT)}},
}


class Sleeper:
    """A client that connects, and then takes nothing from its socket."""

    def __init__(self, server: RunningServer, path: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect((server.host, server.port))
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
            + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def read_to_the_end(self) -> bytes:
        """Wake up, and return the last that came."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MEBIBYTE)
        end = b""
        try:
            while data := self.socket.recv(65_536):
                end = (end + data)[-200:]
        except ConnectionResetError:
            pass
        return end


def flood(publisher: Client, megabytes: int) -> tuple[float, set[str]]:
    """Publish, and hear each message before the next; return the longest time that took, and who left."""
    longest, left = 0.0, set[str]()
    for _ in range(megabytes * MEBIBYTE // len(CONTENT)):
        start = monotonic()
        publisher.send(type="message", content=CONTENT)
        while (event := publisher.receive())["type"] != "message":
            if event.items() >= {"event": "left", "reason": "kicked"}.items():
                left.add(str(event["user"]))
        longest = max(longest, monotonic() - start)
    return longest, left


def test_who_never_reads_is_closed_and_the_others_do_not_wait(start_server: StartServer, connect: Connect) -> None:
    server = start_server(CONFIG)
    alice = connect(server, "/ws?user=alice")
    alice.wait_for(event="joined", user="alice")
    sleepers = [Sleeper(server, f"/ws?user=sleeper-{number}") for number in range(5)]
    for number in range(5):
        alice.wait_for(event="joined", user=f"sleeper-{number}")
    before = server.memory
    try:
        longest, left = flood(alice, 20)
        assert left == {f"sleeper-{number}" for number in range(5)}
        assert server.connections == 1
        assert longest < 4.0  # A closed client has five seconds for its last frames: nobody waits for that.
        assert server.memory - before < (5 + 20) * MEBIBYTE
        assert "slow consumer" in server.log.wait_for("slow consumer")
    finally:
        for sleeper in sleepers:
            sleeper.socket.close()


def test_who_wakes_up_in_time_reads_4008(start_server: StartServer, connect: Connect) -> None:
    server = start_server(CONFIG)
    alice = connect(server, "/ws?user=alice")
    alice.wait_for(event="joined", user="alice")
    sleeper = Sleeper(server, "/ws?user=sleeper")
    with sleeper.socket:
        alice.wait_for(event="joined", user="sleeper")
        assert flood(alice, 10)[1] == {"sleeper"}
        assert (4008).to_bytes(2) + b"too slow" in sleeper.read_to_the_end()


def test_who_sends_without_reading_the_answers_is_held_up_and_not_buffered_for(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server(CONFIG)
    witness = connect(server, "/ws/elsewhere?user=witness")
    witness.wait_for(event="joined", user="witness")
    before = server.memory
    flooder = connect(server, "/ws?user=flooder", max_queue=1)
    flooder.websocket.socket.settimeout(2)
    try:
        for _ in range(1920):  # 60 MiB
            flooder.send(type="message", content=CONTENT)
    except (ConnectionClosed, TimeoutError, OSError):
        pass
    witness.send(type="ping", id="calm")
    witness.wait_for(type="pong", id="calm")
    assert server.memory - before < 40 * MEBIBYTE
