"""People apart from all others who say something at regular times: how long it takes tells how the server is."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from hubbub.core.bench_client import BenchClient
from websockets.uri import parse_uri

PER_SECOND = 25
"""What each of them says."""


class Heard(msgspec.Struct):
    """What comes back: when it should have been said."""

    content: str


class LiveTraffic:
    """So many people, each alone in a room."""

    def __init__(self, url: str, people: int) -> None:
        """``url`` is as in ws://127.0.0.1:8000/ws."""
        self.delays: list[tuple[float, float]] = []
        """When something should have been said, by the monotonic clock, and how much later it came back."""
        self._url = url
        self._people = people
        self._decode = msgspec.json.Decoder(Heard).decode
        self._lines: list[BenchClient] = []
        self._trouble = ""
        self._is_over = False

    async def __aenter__(self) -> Self:
        """Connect, and talk from now on."""
        for number in range(self._people):
            uri = parse_uri(f"{self._url}/live-{number}?user=live-{number}")
            line = BenchClient(number, uri, {}, self)
            await asyncio.get_running_loop().create_connection(lambda line=line: line, uri.host, uri.port)
            await line.welcomed
            self._lines.append(line)
        self._talking = asyncio.ensure_future(self._talk())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last that was said. Raise `ConnectionError` where the server did not let them talk."""
        self._is_over = True
        said = await self._talking
        while len(self.delays) < said and not self._trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for line in self._lines:
            line.abort()
        while not all(line.is_lost for line in self._lines):  # noqa: ASYNC110
            await asyncio.sleep(0)
        if self._trouble:
            raise ConnectionError(self._trouble)

    async def _talk(self) -> int:
        pause, due, said = 1 / (PER_SECOND * self._people), time.monotonic(), 0
        while not self._is_over:
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._lines[said % self._people].send(b'{"type":"message","content":"%.6f"}' % due)
            said += 1
        return said

    def between(self, begin: float, end: float) -> list[float]:
        """The delays of what was said in this time, shortest first."""
        return sorted(delay for at, delay in self.delays if begin <= at < end)

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        """Take what came back."""
        if not frame.startswith(b'{"type":"message"'):
            return False
        due = float(self._decode(frame).content)
        self.delays.append((due, time.monotonic() - due))
        return True

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        """Nothing else matters but an error."""
        if event["type"] == "error":
            self._trouble = f"the server refused: {event}"

    def writable(self, client: BenchClient) -> None:
        """Nothing is held back."""

    def closed(self, client: BenchClient, code: int, reason: str) -> None:
        """There is nothing to measure then."""
        self._trouble = f"the server closed with {code}: {reason}"


async def _main(url: str, people: str) -> None:
    async with LiveTraffic(url, int(people)) as traffic:
        await asyncio.to_thread(sys.stdin.readline)
    json.dump(traffic.delays, sys.stdout)


if __name__ == "__main__":  # In a process of its own, which does nothing else.
    asyncio.run(_main(*sys.argv[1:]))
