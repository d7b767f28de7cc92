"""A WebSocket server that echoes: `python echo_server.py fast|portable|stock [--compression]`.

It prints its port and logs as `hubbub serve` does.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
from hubbub.core import wire
from hubbub.core.config import LoggingConfig, config_from
from hubbub.core.config_server import ServerConfig
from hubbub.core.connection import Transport
from hubbub.core.endpoint import WebSocketEndpoint
from hubbub.core.guarded_http import Guard, GuardedHttp
from hubbub.core.handshake import Handshake
from hubbub.core.hub import Hub
from hubbub.core.logs import configure_logging
from hubbub.core.session import Session
from hubbub.core.transport_uvicorn import UvicornTransport
from hubbub.core.upgrade_uvicorn import UvicornHttp
from hubbub.protocol.frames import binary_frame, deflated_text_frame, text_frame
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_MESSAGE = 32 * 1024 * 1024


class EchoSession(Session):
    """What the client says goes back to it, in the kind of frame in which it came."""

    def open(self, handshake: Handshake) -> None:
        pass

    def receive(self, frame: bytes, *, is_text: bool) -> None:
        match self._transport.wire:
            case wire.JSON_TEXTS:
                echo = [frame.decode()] if is_text else [frame]
            case wire.DEFLATED_JSON_FRAMES:
                echo = deflated_text_frame(frame) if is_text else b"\xc2" + deflated_text_frame(frame)[1:]
            case _:
                echo = text_frame(frame) if is_text else binary_frame(frame)
        self._transport.write(echo)


class EchoHub(Hub):
    """A hub that knows nobody."""

    def new_session(self, transport: Transport) -> Session:
        return EchoSession(self, transport)


async def stock_echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The same without Hubbub, as on any ASGI server."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        await send({"type": "websocket.send", **({"bytes": message["bytes"]} if text is None else {"text": text})})


def hubbub_echo(*, compression: bool) -> ASGIApp:
    limits = {"max_frame_size": LARGEST_MESSAGE, "max_outgoing_buffer": 4 * LARGEST_MESSAGE}
    return WebSocketEndpoint(EchoHub(config_from({"server": {**limits, "compression": compression}})))


def main(kind: str, *, compression: bool) -> None:
    configure_logging(LoggingConfig(format="text"))
    config = uvicorn.Config(
        stock_echo if kind == "stock" else hubbub_echo(compression=compression),
        http={"fast": UvicornHttp, "portable": GuardedHttp, "stock": "auto"}[kind],
        ws=UvicornTransport if kind == "fast" else WebSocketsSansIOProtocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=compression,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    if kind != "stock":
        server.server_state = Guard(ServerConfig(), max_sockets=1000)
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main(sys.argv[1], compression="--compression" in sys.argv)
