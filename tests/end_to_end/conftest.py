from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, cast

import pytest
import yaml

from .client import Client
from .running_server import HUBBUB, RunningServer

QUICK: dict[str, object] = {"messages": 1_000_000, "others": {"messages": 1_000_000}, "close_after": None}
"""A rate limit that is in nobody's way."""

PLUGINS: dict[str, object] = {"chat": {}, "presence": {}, "validation": {}, "rate_limit": QUICK, "heartbeat": {}}

TRANSPORTS = {"fast": "auto", "portable": "portable"}


class StartServer(Protocol):
    def __call__(
        self,
        config: Mapping[str, object] | None = None,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> RunningServer: ...


class Connect(Protocol):
    def __call__(
        self,
        server: RunningServer,
        path: str = "/ws",
        *,
        subprotocols: Sequence[str] = (),
        max_queue: int | None = 16,
    ) -> Client: ...


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """What `server.transport` is to be."""
    return TRANSPORTS[cast(str, request.param)]


@pytest.fixture
def start_server(tmp_path: Path, transport: str) -> Iterator[StartServer]:
    """Start a `hubbub serve` in an empty folder, with all plugins on unless the test's config says others."""
    servers: list[RunningServer] = []

    def start(
        config: Mapping[str, object] | None = None,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> RunningServer:
        whole = {"plugins": PLUGINS} | dict(config or {})
        whole["server"] = {"transport": transport} | cast("dict[str, object]", whole.get("server", {}))
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
        # Workers are forked off in turn, and that from a process as users have it.
        command = HUBBUB if "--workers" in arguments else None
        server = RunningServer(tmp_path, arguments, environment, command)
        servers.append(server)
        return server

    yield start
    with ExitStack() as stack:  # Every one of them ends, also where one has logged a traceback.
        for server in servers:
            stack.callback(server.stop)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, transport: str) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    config = {"plugins": PLUGINS, "server": {"transport": transport, "max_frame_size": "1MiB"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    server = RunningServer(folder)
    server.expects_errors = True  # The fixture `server` looks after each test.
    yield server
    assert server.stop() == 0


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """A server with all plugins on, which the tests of a file share; nothing in its log is a traceback."""
    seen = len(shared_server.log.all())
    yield shared_server
    assert not [line for line in shared_server.log.all()[seen:] if "Traceback" in line]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect a client, which is gone when the test is over."""
    clients: list[Client] = []

    def connect(
        server: RunningServer, path: str = "/ws", *, subprotocols: Sequence[str] = (), max_queue: int | None = 16
    ) -> Client:
        client = Client(server.url(path), subprotocols=subprotocols, max_queue=max_queue)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.vanish()
