"""A deployer's backend in memory, for servers on a clock of the tests' own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.auth_http import AuthHttp
from hubbub.plugins.auth_http.answer import NoAnswerError


class FakeBackend:
    """Stands for the deployer's: answers in ``takes`` seconds, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: object = {"user": "alice"}
        self.failure = ""
        self.takes = 0.0
        self.questions: list[Any] = []
        self.options: dict[str, Any] = {}

    def make(self, url: str, **options: Any) -> FakeBackend:
        self.options = {"url": url, **options}
        return self

    async def ask(self, question: bytes) -> tuple[int, bytes]:
        self.questions.append(json.loads(question))
        await asyncio.sleep(self.takes)
        if self.failure:
            raise NoAnswerError(self.failure)
        return self.status, self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    async def close(self) -> None:
        pass


def hub_with(**options: object) -> HubForTests:
    whole = {"url": "https://user:passw0rd@app.example.com/auth", **options}
    return HubForTests({"chat": {}, "auth_http": whole}, plugins={"auth_http": AuthHttp})


def connect(hub: HubForTests, token: str = "t0ken", **changes: Any) -> ClientForTests:
    return hub.connect(query={"token": token}, **changes)
