"""The network between one server of Hubbub and its broker, which can be cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

CHUNK = 64 * 1024


class Cable:
    """Passes TCP on to a port of this machine. Cut, it behaves as a network does that loses every packet.

    Nobody is told: connections stay open, new ones are never answered, and what was sent before or meanwhile
    arrives when the cable is mended, also from somebody who has given up. It has a thread of its own.
    """

    def __init__(self, port: int) -> None:
        """``port`` is where it ends."""
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._is_whole = asyncio.Event()
        self._passing: set[asyncio.Task[None]] = set()
        self.port: int = self._do(self._open()).result()
        """Where it begins."""

    def _do(self, work: Coroutine[Any, Any, int]) -> Future[int]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open(self) -> int:
        self._is_whole.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Let nothing pass from now on."""
        self._loop.call_soon_threadsafe(self._is_whole.clear)

    def mend(self) -> None:
        """Let everything pass again."""
        self._loop.call_soon_threadsafe(self._is_whole.set)

    def remove(self) -> None:
        """Close every connection, and take no more."""
        self._do(self._close()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> int:
        self._server.close()
        for each in self._passing:
            each.cancel()
        if self._passing:
            await asyncio.wait(self._passing)
        return 0

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            await self._is_whole.wait()
            far, on = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(near, on))
                    both.create_task(self._pass(far, back))
            finally:
                on.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass  # One end has closed or was reset: so is the other.
        finally:
            back.transport.abort()
            self._passing.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            data = await reader.read(CHUNK)
            await self._is_whole.wait()
            if not data:
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
