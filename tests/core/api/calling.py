"""A server in memory with its HTTP API, called as an ASGI server would call it, on virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from fastapi import FastAPI
from hubbub.core.api.install import install_api
from hubbub.core.loader import PluginClass
from hubbub.core.testing import ClientForTests, HubForTests
from starlette.types import Message, Receive, Scope

SECRET = "only-for-tests-0123456789abcdefghij"
SCOPES = ["publish", "notify", "read", "control"]
KEY: dict[str, object] = {"name": "backend", "key": SECRET, "scopes": SCOPES}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class ApiForTests:
    """A server whose API has a key that may do everything, and the keys that a test adds."""

    def __init__(
        self,
        enabled: Mapping[str, object] | None = None,
        *,
        keys: list[dict[str, object]] | None = None,
        plugins: Mapping[str, PluginClass] | None = None,
        api: Mapping[str, object] | None = None,
        **sections: Any,
    ) -> None:
        config = {"keys": [KEY] if keys is None else keys, **(api or {})}
        enabled = {"chat": {}, "presence": {}, "validation": {}} if enabled is None else enabled
        self.kit = HubForTests(enabled, plugins=plugins, api=config, **sections)
        self.app = FastAPI(docs_url=None, redoc_url=None)
        install_api(self.app, self.kit.hub)

    def __enter__(self) -> Self:
        self.kit.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kit.__exit__(kind, error, trace)

    def connect(self, user: str, room: str = "") -> ClientForTests:
        """A client, with nothing received so far."""
        client = self.kit.connect(user, room)
        client.take()
        return client

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)

    def post(self, path: str, body: object, **options: Any) -> Answer:
        return self.call("POST", path, json.dumps(body).encode(), **options)

    def call(self, method: str, path: str, body: bytes = b"", **options: Any) -> Answer:
        """One request, to its end."""
        return self.kit.run(self.begin(method, path, body, **options))

    async def begin(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        key: str | None = SECRET,
        headers: Mapping[str, str] | None = None,
        receive: Receive | None = None,
        address: str = "203.0.113.9",
    ) -> Answer:
        """One request, for tests of several at once."""
        sent: list[Message] = []

        async def receive_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        told = {"authorization": f"Bearer {key}"} if key is not None else {}
        told |= {"content-type": "application/json", **(headers or {})}
        await self.app(scope_for(method, path, told, address), receive or receive_body, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        text = b"".join(each.get("body", b"") for each in sent[1:]).decode()
        return Answer(sent[0]["status"], answered, text)


def scope_for(method: str, path: str, headers: Mapping[str, str], address: str) -> Scope:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": (address, 50000),
        "server": ("testserver", 80),
    }


def key_with(name: str, secret: str, scopes: list[str], rooms: list[str] | None = None) -> dict[str, object]:
    """An entry of ``api.keys``."""
    entry: dict[str, object] = {"name": name, "key": secret.ljust(32, "0"), "scopes": scopes}
    return entry if rooms is None else {**entry, "rooms": rooms}
