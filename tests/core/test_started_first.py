"""A hub starts by itself where nobody has started it, once, and not again after it has stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from hubbub.core import Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.app import create_app
from hubbub.core.broker import MemoryBroker, Receiver
from hubbub.core.config import config_from
from hubbub.core.hub import Hub
from starlette.types import Message


class Starts(Plugin[PluginConfig]):
    """Counts the starts of one server, which take a moment, and may fail."""

    starts = 0
    fails: Exception | None = None

    @hookimpl
    async def startup(self) -> None:
        type(self).starts += 1
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails


def app_with(error: Exception | None = None) -> tuple[FastAPI, type[Starts]]:
    class Mine(Starts):
        fails = error

    return create_app(config_from({"plugins": {"chat": {}, "mine": {}}}), plugins={"mine": Mine}), Mine


async def call(app: FastAPI, kind: str, path: str) -> list[Message]:
    sent: list[Message] = []
    messages = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> Message:
        return next(messages) if kind == "websocket" else {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": kind, "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent


def run(app: FastAPI, main: Callable[[], Awaitable[None]]) -> Hub:
    hub: Hub = app.state.hub

    async def then_stop() -> None:
        await main()
        await hub.stop()

    asyncio.run(then_stop())
    return hub


def test_requests_at_the_same_time_start_it_once() -> None:
    app, plugin = app_with()

    async def main() -> None:
        answers = await asyncio.gather(*(call(app, "http", path) for path in ("/", "/healthz", "/readyz")))
        assert [answer[0]["status"] for answer in answers] == [200, 200, 200]

    run(app, main)
    assert plugin.starts == 1


def test_a_websocket_starts_it() -> None:
    app, plugin = app_with()

    async def main() -> None:
        sent = await call(app, "websocket", "/ws")
        assert sent[0]["type"] == "websocket.accept"

    run(app, main)
    assert plugin.starts == 1


def test_a_started_one_is_not_started_again() -> None:
    app, plugin = app_with()

    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert (await call(app, "http", "/readyz"))[0]["status"] == 200

    run(app, main)
    assert plugin.starts == 1


def test_one_that_cannot_start_refuses_everybody_and_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    app, plugin = app_with(OSError("no disk"))
    caplog.set_level(logging.ERROR)

    async def main() -> None:
        assert await call(app, "websocket", "/ws") == [{"type": "websocket.close", "code": 1013}]
        assert (await call(app, "http", "/readyz"))[0]["status"] == 503
        assert (await call(app, "http", "/api/rooms"))[0]["status"] == 503
        with pytest.raises(Rejected) as caught:
            await app.state.hub.publish("lobby", "Hello!", user="shop")
        assert caught.value.code == "unavailable"

    run(app, main)
    assert plugin.starts == 1
    (record,) = caplog.records
    assert record.getMessage() == "Hubbub cannot start: the plugin 'mine' cannot start: no disk"
    assert not record.exc_info


def test_an_error_that_explains_nothing_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryBroker):
        def start(self, receiver: Receiver, node: str) -> None:
            raise ZeroDivisionError

    app = create_app(config_from({}), broker=Broken())

    async def main() -> None:
        assert (await call(app, "http", "/readyz"))[0]["status"] == 503

    run(app, main)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_stopped_one_does_not_start_by_itself_but_can_be_started() -> None:
    app, plugin = app_with()

    async def once() -> None:
        async with app.router.lifespan_context(app):
            assert (await call(app, "http", "/readyz"))[0]["status"] == 200
        assert (await call(app, "http", "/readyz"))[0]["status"] == 503

    asyncio.run(once())
    asyncio.run(once())
    assert plugin.starts == 2
