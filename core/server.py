"""Runs one server with uvicorn: the socket, the announcement, and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable, Generator
from math import ceil

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .config import LoadedConfig, ServerConfig
from .endpoint import WebSocketsFirst
from .guarded_http import Guard, GuardedHttp
from .hub import Hub
from .open_files import allow_sockets
from .transport_uvicorn import UvicornTransport
from .upgrade_uvicorn import UvicornHttp


class CannotListenError(Exception):
    """The address cannot be listened on; the message says what to do."""


class HubbubServer(uvicorn.Server):
    """uvicorn with Hubbub's shutdown: stop accepting, tell everyone, close with 1012, exit with status 0."""

    def __init__(self, config: uvicorn.Config, hub: Hub, announce: Callable[[], None]) -> None:
        super().__init__(config)
        limits = hub.config.server
        self.server_state = Guard(limits, allow_sockets(limits.max_connections + limits.max_handshakes))
        self._hub = hub
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain before uvicorn closes what is left."""
        for server in self.servers:
            server.close()
        await self._hub.drain()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do not end the process by the same signal once it was handled."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


def serve(app: FastAPI, loaded: LoadedConfig) -> None:
    """Run until SIGTERM or SIGINT.

    Raise `CannotListenError` where the address is taken, `PluginError` where a plugin cannot start.
    """
    server_config, hub = loaded.config.server, app.state.hub
    listener = _listen(server_config)
    is_fast = server_config.transport == "auto"
    config = uvicorn.Config(
        WebSocketsFirst(app, hub),
        http=UvicornHttp if is_fast else GuardedHttp,
        ws=UvicornTransport if is_fast else WebSocketsSansIOProtocol,
        ws_max_size=server_config.max_frame_size,
        ws_per_message_deflate=server_config.compression,
        ws_ping_interval=30.0,
        ws_ping_timeout=10.0,
        log_config=None,
        lifespan="off",
        access_log=loaded.config.logging.access,
        server_header=False,
        proxy_headers=False,  # It would believe what comes from this machine; `server.trusted_proxies` decides.
        timeout_graceful_shutdown=ceil(server_config.drain_timeout),
    )
    server = HubbubServer(config, hub, lambda: announce(listener, server_config))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(server, hub, listener))


async def _run(server: HubbubServer, hub: Hub, listener: socket.socket) -> None:
    await hub.start()
    _spare_the_collector()
    try:
        await server.serve(sockets=[listener])
    finally:
        await hub.stop()


def _listen(config: ServerConfig) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise CannotListenError(
            f"cannot listen on {config.host} port {config.port}: {reason}. "
            "Choose another server.host or server.port, or --port 0 for a free one."
        ) from error


def announce(listener: socket.socket, config: ServerConfig) -> None:
    """Print the URL to open, and a line to paste into a terminal."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "localhost"
    elif ":" in host:
        host = f"[{host}]"
    sys.stdout.write(
        f"Hubbub is running. Open http://{host}:{port}/ in a browser, or talk to it in a terminal:\n"
        f'  npx wscat -c "ws://{host}:{port}{config.path}?user=alice"\n'
    )
    sys.stdout.flush()


def _spare_the_collector() -> None:
    """Keep the garbage collector from walking over what lives as long as the process, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
