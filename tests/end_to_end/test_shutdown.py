"""The way out: everyone is told, the status is 0, and the port is free again."""

from __future__ import annotations

import signal
import socket
import textwrap
from pathlib import Path
from time import monotonic

import pytest

from .conftest import Connect, StartServer


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_everyone_is_told_and_closed_with_1012(
    start_server: StartServer, connect: Connect, how: signal.Signals
) -> None:
    server = start_server()
    clients = [connect(server, f"/ws/room-{number}?user=user-{number}") for number in range(5)]
    for client in clients:
        client.wait_for(event="joined")
    server.process.send_signal(how)
    for client in clients:
        draining = client.wait_for(event="draining")
        assert float(str(draining["retry_after"])) > 0
        assert client.close_code() == 1012
    assert server.stop() == 0
    with socket.create_server((server.host, server.port)):
        pass  # The port is free again.


def test_clients_that_do_not_answer_cannot_hold_the_server_up(start_server: StartServer, connect: Connect) -> None:
    server = start_server({"server": {"drain_timeout": 1}})
    request = (
        b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((server.host, server.port), timeout=20) as silent:
        silent.sendall(request)
        received = b""
        while b'"joined"' not in received:
            received += silent.recv(4096)
        start = monotonic()
        assert server.stop() == 0
        assert monotonic() - start < 8  # Within the second of the config; the rest is a busy machine.


def test_nobody_is_let_in_and_the_load_balancer_is_told_while_a_slow_hook_drains(
    start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "farewell.py").write_text(
        textwrap.dedent("""
        import asyncio
        from hubbub.core import Connection, Plugin, PluginConfig, hookimpl

        class Farewell(Plugin[PluginConfig]):
            @hookimpl
            async def disconnected(self, connection: Connection) -> None:
                print("saving", flush=True)
                await asyncio.sleep(0.5)
                print("saved", flush=True)
        """)
    )
    server = start_server({"plugins": {"farewell:Farewell": True}})
    client = connect(server)
    client.wait_for(event="joined")
    server.process.send_signal(signal.SIGTERM)
    server.output.wait_for("saving")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((server.host, server.port), timeout=5)
    assert server.stop() == 0
    assert "saved" in server.output.all()


def test_a_second_signal_ends_a_drain_that_takes_too_long(start_server: StartServer) -> None:
    server = start_server({"server": {"drain_timeout": 60}})
    with socket.create_connection((server.host, server.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\n")  # A request that never ends.
        server.process.send_signal(signal.SIGINT)
        server.log.wait_for("Shutting down")
        server.process.send_signal(signal.SIGINT)
        assert server.stop() in (0, 130, -signal.SIGINT)
