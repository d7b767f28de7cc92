"""Hubbub in somebody's own uvicorn, which takes the fast transport as its WebSocket class."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import uvicorn
from hubbub.core.app import create_app
from hubbub.core.config import config_from
from hubbub.core.transport_fast import FastTransport
from hubbub.core.transport_uvicorn import UvicornTransport
from websockets.sync.client import connect


def test_a_uvicorn_of_ones_own_may_use_the_fast_transport() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(config_from({"plugins": {"chat": {}}}))
    server = uvicorn.Server(uvicorn.Config(app, ws=UvicornTransport, log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        with connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/ws?user=alice") as client:
            assert [json.loads(client.recv(10))["event"] for _ in range(2)] == ["welcome", "joined"]
            client.send('{"type":"message","content":"hello"}')
            assert json.loads(client.recv(10))["content"] == "hello"
            assert any(isinstance(each, FastTransport) for each in server.server_state.connections)
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
