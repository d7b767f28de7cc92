"""Runs one server with uvicorn: the socket, the announcement, and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
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

logger = logging.getLogger(__name__)


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

    def parent_is_gone(self, lifeline: int) -> None:
        """Nobody is left who could say when it is time to go."""
        asyncio.get_running_loop().remove_reader(lifeline)
        logger.error("the process that started this worker is gone: it goes down as well")
        self.should_exit = True

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
    listener = listen(loaded.config.server)
    serve_on(listener, app, loaded, lambda: announce(listener, loaded.config.server))


def serve_on(
    listener: socket.socket,
    app: FastAPI,
    loaded: LoadedConfig,
    listening: Callable[[], None],
    lifeline: int | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; call ``listening`` when it has begun.

    ``lifeline`` is a pipe that nobody writes to; that it was closed at the other end is as good as SIGTERM.
    Raise `PluginError` where a plugin cannot start.
    """
    server_config, hub = loaded.config.server, app.state.hub
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
    server = HubbubServer(config, hub, listening)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(server, hub, listener, lifeline))


async def _run(server: HubbubServer, hub: Hub, listener: socket.socket, lifeline: int | None) -> None:
    if lifeline is not None:
        asyncio.get_running_loop().add_reader(lifeline, server.parent_is_gone, lifeline)
    await hub.start()
    _spare_the_collector()
    try:
        await server.serve(sockets=[listener])
    finally:
        await hub.stop()


def listen(config: ServerConfig, *, shared: bool = False) -> socket.socket:
    """Listen on the address of the config; ``shared`` with other processes that `reserve` has reserved it for.

    Raise `CannotListenError` where it is taken.
    """
    with _explained(config):
        address = (config.host, config.port)
        return socket.create_server(address, family=_family(config), backlog=2048, reuse_port=shared)


def reserve(config: ServerConfig) -> socket.socket:
    """Keep the address of the config for the processes that are going to share it.

    Raise `CannotListenError` where it is taken.
    """
    with _explained(config):
        # What is to be shared can be had also where another server shares it already.
        socket.create_server((config.host, config.port), family=_family(config)).close()
        reserved = socket.socket(_family(config), socket.SOCK_STREAM)
        try:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if reserved.family == socket.AF_INET6:
                reserved.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            reserved.bind((config.host, config.port))
        except BaseException:
            reserved.close()
            raise
        return reserved


def _family(config: ServerConfig) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in config.host else socket.AF_INET


@contextlib.contextmanager
def _explained(config: ServerConfig) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise CannotListenError(
            f"cannot listen on {config.host} port {config.port}: {_reason(error)}. {_remedy(error, config)}"
        ) from error


def _reason(error: OSError) -> str:
    # What `socket.create_server` says repeats the address.
    if _is_lookup(error):
        return "there is no such name"
    return os.strerror(error.errno) if error.errno else str(error)


def _is_lookup(error: OSError) -> bool:
    """Whether a name was not found: such errors have negative numbers, also where `socket` has wrapped them."""
    return error.errno is not None and error.errno < 0


def _remedy(error: OSError, config: ServerConfig) -> str:
    if _is_lookup(error) or error.errno == errno.EADDRNOTAVAIL:
        return "Choose another server.host: an address of this machine, or 0.0.0.0 for all that it has."
    if isinstance(error, PermissionError) and 0 < config.port < 1024:
        return (
            "Ports below 1024 are the system's: choose another server.port, and put a proxy in front or give the "
            "process CAP_NET_BIND_SERVICE."
        )
    return "Choose another server.host or server.port, or --port 0 for a free one."


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
