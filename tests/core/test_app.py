"""What the application answers over HTTP, and its WebSocket routes, on a server of a few lines."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from hubbub.core.app import create_app
from hubbub.core.config import config_from
from starlette.types import Message, Scope


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def app_for(**sections: object) -> FastAPI:
    return create_app(config_from({"plugins": {"chat": {}, "presence": {}}, **sections}))


def scope(kind: str, path: str, query: str = "") -> Scope:
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"testserver")],
        "client": ("203.0.113.7", 50000),
        "server": ("testserver", 80),
        "subprotocols": [],
    }


async def get(app: FastAPI, path: str) -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope("http", path), receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]).decode())


class Client:
    """A WebSocket client of the app."""

    def __init__(self, app: FastAPI, path: str, query: str) -> None:
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[Message] = asyncio.Queue()
        self.to_server.put_nowait({"type": "websocket.connect"})
        endpoint = app(scope("websocket", path, query), self.to_server.get, self.from_server.put)
        self.task = asyncio.ensure_future(endpoint)

    async def receive(self) -> dict[str, Any]:
        while True:
            message = await self.from_server.get()
            if message["type"] == "websocket.send":
                return json.loads(message["text"])
            assert message["type"] == "websocket.accept", message

    async def leave(self) -> None:
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await self.task


def run(app: FastAPI, main: Callable[[], Awaitable[None]]) -> None:
    """Run ``main`` while the app is started."""

    async def within_lifespan() -> None:
        async with app.router.lifespan_context(app):
            await main()

    asyncio.run(within_lifespan())


def test_health_is_told_from_the_start_to_after_the_end() -> None:
    app = app_for()

    async def health() -> list[tuple[int, Any]]:
        answers = [await get(app, path) for path in ("/healthz", "/readyz")]
        return [(answer.status, json.loads(answer.body)) for answer in answers]

    async def main() -> None:
        assert await health() == [(200, {"status": "ok"}), (200, {"status": "ready", "connections": 0})]
        alice = Client(app, "/ws", "user=alice")
        await alice.receive()
        assert (await health())[1] == (200, {"status": "ready", "connections": 1})
        await alice.leave()
        assert (await health())[1] == (200, {"status": "ready", "connections": 0})

    run(app, main)
    assert asyncio.run(health()) == [(200, {"status": "ok"}), (503, {"status": "draining"})]


@pytest.mark.parametrize(
    ("path", "room"), [("/ws", "lobby"), ("/ws/", "lobby"), ("/ws/garden", "garden"), ("/ws/日本", "日本")]
)
def test_the_path_says_the_room(path: str, room: str) -> None:
    app = app_for()

    async def main() -> None:
        alice = Client(app, path, "user=alice")
        welcome = await alice.receive()
        assert (welcome["event"], welcome["room"], welcome["user"]) == ("welcome", room, "alice")
        await alice.leave()

    run(app, main)


def test_the_page_is_one_file_and_its_parts() -> None:
    app = app_for()

    async def main() -> None:
        page = await get(app, "/")
        assert page.status == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        parts = re.findall(r'(?:href|src)="/?(page/[^"]+)"', page.body)
        assert {"page/app.js", "page/style.css"} <= set(parts)
        for part in parts:
            answer = await get(app, f"/{part}")
            assert answer.status == 200, part
            assert answer.headers["x-content-type-options"] == "nosniff"

    run(app, main)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_a_part_of_the_page_says_of_which_type_it_is(name: str, media_type: str) -> None:
    answer = asyncio.run(get(app_for(), f"/page/{name}"))
    assert answer.status == 200
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert answer.body


@pytest.mark.parametrize("path", ["nothing.js", "index.html", "../app.py", "../../config.yaml", "\0", ""])
def test_what_is_no_part_of_the_page_is_not_found(path: str) -> None:
    assert asyncio.run(get(app_for(), f"/page/{path}")).status == 404


def test_the_page_and_the_websocket_follow_the_path_of_the_config() -> None:
    app = app_for(server={"path": "/chat/socket"})

    async def main() -> None:
        assert 'content="/chat/socket"' in (await get(app, "/")).body
        alice = Client(app, "/chat/socket/garden", "user=alice")
        assert (await alice.receive())["room"] == "garden"
        await alice.leave()
        assert (await get(app, "/ws")).status == 404

    run(app, main)
