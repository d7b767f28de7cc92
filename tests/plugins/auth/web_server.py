"""A sign-in service, or a deployer's backend: a real HTTP server in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Answers every request by ``answer``, which a test may replace at any time. Runs inside a ``with`` block."""

    def __init__(self, answer: Answer | None = None, *, port: int = 0) -> None:
        self.answer: Answer = answer or says({})
        self.port = port
        self.requests: list[tuple[str, str]] = []
        """What came: paths, and bodies."""
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._is_up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_for(self, count: int, timeout: float = 20.0) -> None:
        """Return when so many requests have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, timeout), self.requests

    @property
    def bodies(self) -> list[Any]:
        """The bodies that came, decoded."""
        return [json.loads(body) for _, body in self.requests]

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._is_up.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.text()
        with self._changed:
            self.requests.append((request.path, body))
            self._changed.notify_all()
        return await self.answer(request)  # pyright: ignore[reportArgumentType]


def says(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that is always the same: bytes as they are, everything else as JSON."""

    async def answer(_: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=raw, status=status, headers=headers, content_type="application/json")

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    """An answer that does not come in time."""
    await asyncio.sleep(30)
    return web.Response()
