"""Hubbub in somebody's own uvicorn, by itself and mounted in another application."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from hubbub.core import Plugin, PluginConfig, hookimpl
from hubbub.core.app import create_app
from hubbub.core.config import config_from
from hubbub.core.hub import Hub
from hubbub.core.transport_fast import FastTransport
from hubbub.core.transport_uvicorn import UvicornTransport
from starlette.types import ASGIApp
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

KEY = "only-for-tests-0123456789abcdefghij"
CONFIG: dict[str, object] = {
    "plugins": {"chat": {}, "presence": {}},
    "api": {"keys": [{"name": "shop", "key": KEY, "scopes": ["publish", "read"]}]},
}


class Serving:
    """An application on a free port, in a thread of its own."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.serve(sockets=[self._listener])))
        self._thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    def call(self, path: str, body: object = None) -> Any:
        """What a GET, or with a body a POST, is answered."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{self.address}{path}", data, headers)
        ) as answer:
            text = answer.read().decode()
            return json.loads(text) if answer.headers["content-type"] == "application/json" else text


@contextmanager
def serving(app: ASGIApp, **options: Any) -> Generator[Serving]:
    running = Serving(app, **options)
    try:
        yield running
    finally:
        running.stop()


def shop(*, has_lifespan: bool = True, plugins: dict[str, Any] | None = None) -> FastAPI:
    """An application with a route of its own that publishes, and Hubbub under ``/realtime``."""
    enabled: dict[str, object] = {"chat": {}, "presence": {}, **{name: {} for name in plugins or ()}}
    realtime = create_app(config_from({**CONFIG, "plugins": enabled}), plugins=plugins)
    hub: Hub = realtime.state.hub
    app = FastAPI(lifespan=hub.lifespan) if has_lifespan else FastAPI()
    app.mount("/realtime", realtime)

    async def ship(number: int) -> dict[str, object]:
        ack = await hub.publish(f"order-{number}", "shipped", user="shop")
        return {"room": ack.room}

    app.add_api_route("/ship/{number}", ship, methods=["POST"])
    return app


def test_a_uvicorn_of_ones_own_may_use_the_fast_transport() -> None:
    with (
        serving(create_app(config_from({"plugins": {"chat": {}}})), ws=UvicornTransport) as running,
        connect(f"ws://{running.address}/ws?user=alice") as client,
    ):
        assert [json.loads(client.recv(10))["event"] for _ in range(2)] == ["welcome", "joined"]
        client.send('{"type":"message","content":"hello"}')
        assert json.loads(client.recv(10))["content"] == "hello"
        assert any(isinstance(each, FastTransport) for each in running.server.server_state.connections)


TRANSPORTS: dict[str, object] = {
    "the server's own": "websockets-sansio",
    "fast": "hubbub.core.transport_uvicorn:UvicornTransport",
}


@pytest.mark.parametrize("has_lifespan", [True, False], ids=["with a lifespan", "without a lifespan"])
@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS)
def test_mounted_it_serves_sockets_the_api_and_messages_from_the_application(
    transport: object, has_lifespan: bool
) -> None:
    with (
        serving(shop(has_lifespan=has_lifespan), ws=transport) as running,
        connect(f"ws://{running.address}/realtime/ws/order-7?user=alice") as client,
    ):
        assert [json.loads(client.recv(10))["room"] for _ in range(2)] == ["order-7"] * 2
        assert running.call("/ship/7", {}) == {"room": "order-7"}
        received = json.loads(client.recv(10))
        assert (received["user"], received["content"]) == ("shop", "shipped")
        assert running.call("/realtime/api/rooms/order-7").items() >= {"online": 1}.items()
        running.call("/realtime/api/rooms/order-7/messages", {"content": "by HTTP"})
        assert json.loads(client.recv(10))["content"] == "by HTTP"
        running.call("/realtime/api/rooms/a%2Fb/messages", {"content": "x"})


def test_mounted_its_pages_and_its_documentation_are_below_the_mount() -> None:
    with serving(shop()) as running:
        assert 'src="page/app.js"' in running.call("/realtime/")
        assert "HubbubClient" in running.call("/realtime/page/client.js")
        assert 'src="docs/docs.js"' in running.call("/realtime/docs")
        document = running.call("/realtime/openapi.json")
        assert document["servers"] == [{"url": "/realtime"}]
        assert "/api/rooms" in document["paths"]
        assert list(running.call("/openapi.json")["paths"]) == ["/ship/{number}"]
        assert running.call("/realtime/readyz")["status"] == "ready"


def test_behind_a_proxy_that_takes_a_prefix_away_everything_is_found() -> None:
    app = create_app(config_from(CONFIG))
    with serving(app, root_path="/chat") as running:
        assert running.call("/openapi.json")["servers"] == [{"url": "/chat"}]
        assert running.call("/api/rooms/a%2Fb")["room"] == "a/b"
        with connect(f"ws://{running.address}/ws/garden?user=alice") as client:
            assert json.loads(client.recv(10))["room"] == "garden"


def test_it_stops_with_the_application() -> None:
    calls: list[str] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            calls.append("started")

        @hookimpl
        def shutdown(self) -> None:
            calls.append("stopped")

    with (
        serving(shop(plugins={"watches": Watches})) as running,
        connect(f"ws://{running.address}/realtime/ws?user=alice") as client,
    ):
        assert json.loads(client.recv(10))["event"] == "welcome"
        assert calls == ["started"]
        running.stop()
        with pytest.raises(ConnectionClosed) as caught:
            take_the_rest(client.recv)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012
    assert calls == ["started", "stopped"]


def take_the_rest(receive: Callable[[float], object]) -> None:
    while True:
        receive(10)
