"""Several processes on one port: one room for all of them, and one that dies is replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from .client import Client
from .conftest import Connect, StartServer
from .lines import Lines
from .running_server import HUBBUB, RunningServer

WHERE = """
import os
from datetime import UTC, datetime
from hubbub.core import Connection, Plugin, PluginConfig, System, hookimpl

class Where(Plugin[PluginConfig]):
    @hookimpl
    def connected(self, connection: Connection) -> None:
        connection.send(System(event="where", message=str(os.getpid()), timestamp=datetime.now(UTC)))
"""
"""Tells each client which process it is connected to."""


@pytest.fixture(scope="module")
def transport() -> str:
    return "auto"


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What connects workers, through a Redis of their own, and tells clients where they are."""
    command = shutil.which("redis-server") or shutil.which("valkey-server")
    if command is None:
        if os.environ.get("CI") == "true":
            pytest.fail("neither redis-server nor valkey-server is installed")
        pytest.skip("needs redis-server or valkey-server, such as from: apt install redis-server")
    place = tmp_path / "redis.sock"
    options = (
        "--port",
        "0",
        "--unixsocket",
        str(place),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(tmp_path),
    )
    process = subprocess.Popen([command, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        Lines(process.stdout).wait_for("ready to accept connections")
        (tmp_path / "where.py").write_text(WHERE)
        yield {"chat": {}, "presence": {}, "redis": {"url": f"unix://{place}"}, "where:Where": {}}
    finally:
        process.kill()
        process.wait()


def process_of(client: Client) -> int:
    return int(str(client.wait_for(event="where")["message"]))


def connect_to_each(connect: Connect, server: RunningServer, unlike: int = 0) -> dict[int, Client]:
    """A client on each of two processes; the kernel deals the connections out by chance."""
    clients: dict[int, Client] = {}
    for number in range(100):
        client = connect(server, f"/ws?user=user-{os.urandom(4).hex()}-{number}")
        process = process_of(client)
        if process not in clients and process != unlike:
            client.wait_for(event="joined")
            clients[process] = client
        else:
            client.close()
        if len(clients) == 2:
            return clients
    raise AssertionError(f"100 clients are all on {list(clients)}")


def test_a_worker_that_dies_is_replaced_and_clients_of_the_others_do_not_notice(
    start_server: StartServer, connect: Connect, plugins: dict[str, object]
) -> None:
    server = start_server({"plugins": plugins}, arguments=["--workers", "2"])
    clients = connect_to_each(connect, server)
    (dying, lost), (living, witness) = clients.items()
    witness.send(type="message", content="hello", id="1")
    assert lost.wait_for(type="message")["content"] == "hello"
    os.kill(dying, signal.SIGKILL)
    assert lost.close_code() is None
    said = server.log.wait_for("has ended")
    assert f"(process {dying}) has ended: ended by SIGKILL. Another takes its place in 0.1 s" in said
    server.log.wait_for(") is there")
    again = connect_to_each(connect, server, unlike=dying)
    assert living in again
    newcomer = next(client for process, client in again.items() if process != living)
    newcomer.send(type="message", content="from the new one")
    assert witness.wait_for(type="message", content="from the new one")
    assert [line for line in server.output.all() if "running" in line] == server.output.all()[:1]
    assert server.stop() == 0


def test_nodes_lists_the_workers(
    start_server: StartServer, connect: Connect, plugins: dict[str, object], tmp_path: Path
) -> None:
    config = {"plugins": plugins, "server": {"node": "front"}}
    server = start_server(config, arguments=["--workers", "2"])
    connect(server).wait_for(event="joined")
    listed = subprocess.run(
        [*HUBBUB, "nodes"], cwd=tmp_path, capture_output=True, text=True, timeout=40, check=True
    ).stdout.splitlines()
    assert listed[0].split() == ["node", "up", "connections", "rooms"]
    assert [line.split("-")[0] for line in listed[1:3]] == ["front", "front"]
    assert listed[3] == "2 servers, 1 connections"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_all_workers_drain_when_the_first_process_is_told_to(
    start_server: StartServer, connect: Connect, plugins: dict[str, object], how: signal.Signals
) -> None:
    server = start_server({"plugins": plugins}, arguments=["--workers", "2"])
    clients = connect_to_each(connect, server)
    server.process.send_signal(how)
    for client in clients.values():
        client.wait_for(event="draining")
        assert client.close_code() == 1012
    assert server.stop() == 0


def test_workers_do_not_outlive_the_process_that_started_them(
    start_server: StartServer, connect: Connect, plugins: dict[str, object]
) -> None:
    server = start_server({"plugins": plugins}, arguments=["--workers", "2"])
    clients = connect_to_each(connect, server)
    server.process.kill()
    for client in clients.values():
        assert client.close_code() == 1012
    server.log.wait_for_end()


def test_a_worker_that_hangs_is_killed_when_the_time_to_drain_is_over(
    start_server: StartServer, connect: Connect, plugins: dict[str, object]
) -> None:
    server = start_server({"plugins": plugins, "server": {"drain_timeout": 0}}, arguments=["--workers", "2"])
    stopped = process_of(connect(server))
    os.kill(stopped, signal.SIGSTOP)
    assert server.stop() == 1
    assert f"(process {stopped}) is killed: it has not drained in time" in "\n".join(server.log.all())


def serve(folder: Path, config: str) -> subprocess.CompletedProcess[str]:
    """Run a server that cannot start."""
    (folder / "config.yaml").write_text(textwrap.dedent(config))
    return subprocess.run(
        [*HUBBUB, "serve", "--port", "0", "--workers", "2"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_what_keeps_a_worker_from_starting_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        textwrap.dedent("""
        from hubbub.core import Broker, Plugin, PluginConfig, PluginError, hookimpl

        class Alone(Broker):
            is_shared = True
            def publish(self, room, publication): ...

        class Broken(Plugin[PluginConfig]):
            def make_broker(self):
                return Alone()

            @hookimpl
            def startup(self) -> None:
                raise PluginError("broken: the file is not there")
        """)
    )
    ended = serve(tmp_path, "plugins:\n  broken:Broken:\n")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("the file is not there") == 1
    assert "Traceback" not in ended.stderr


def test_an_address_that_workers_of_another_server_share_is_taken(
    start_server: StartServer, plugins: dict[str, object], tmp_path: Path
) -> None:
    server = start_server({"plugins": plugins}, arguments=["--workers", "2"])
    second = subprocess.run(
        [*HUBBUB, "serve", "--port", str(server.port), "--workers", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"cannot listen on 127.0.0.1 port {server.port}: Address already in use.")
