"""A client as clients should be: it resumes where it was, and sends again under the same id what has no answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from hubbub.core.bench_client import BenchClient, NotConnectedError
from websockets.uri import parse_uri

MOST_IN_FLIGHT = 16
PAUSE = 0.02
"""Seconds until it tries again: to connect, or to send what was refused."""


class FaithfulClient:
    """One member of one room, who publishes as fast as is answered, and remembers everything."""

    def __init__(self, name: str, room: str, url: Callable[[], str]) -> None:
        """``url`` says where the server is now, as in ws://127.0.0.1:8000/ws."""
        self.name = name
        self.room = room
        self.publishes = False
        self.heard: list[tuple[int, str]] = []
        """Everything it was told, with its number, in the order in which it came."""
        self.acknowledged: dict[str, int] = {}
        self.refused = 0
        self.recoveries: list[float] = []
        """Seconds from each loss of the connection until it knew again what everybody knew then."""
        self.complaints: list[str] = []
        """What should not have happened."""
        self._url = url
        self._epoch: str | None = None
        self._seen = 0
        self._guest_key: str | None = None
        self._number = 0
        self._unanswered: dict[str, bytes] = {}
        self._line: BenchClient | None = None
        self._lost_at: float | None = None
        self._due = 0
        """What had been published when it joined."""
        self._is_joined = False
        self._has_gone = asyncio.Event()

    def __repr__(self) -> str:
        here = "in the room" if self._is_joined else "away"
        return f"<{self.name}: {here}, at {self._seen}, waits for {len(self._unanswered)}, {self.complaints}>"

    @property
    def is_up_to_date(self) -> bool:
        """Whether it is in the room, and has got what had been published when it came."""
        return self._is_joined and self._seen >= self._due

    @property
    def seen(self) -> int:
        """The number of the last event that it got."""
        return self._seen

    @property
    def is_answered(self) -> bool:
        """Whether nothing of its own waits for an answer."""
        return not self._unanswered

    # Connecting

    async def run(self) -> None:
        """Be connected, again and again, until this is cancelled."""
        try:
            while True:
                try:
                    await self._be_connected()
                except (OSError, NotConnectedError):
                    await asyncio.sleep(PAUSE)
        finally:
            if self._line is not None:
                self._line.abort()

    async def _be_connected(self) -> None:
        uri = parse_uri(f"{self._url()}/{self.room}?{urlencode(self._query())}")
        self._has_gone.clear()
        line = BenchClient(0, uri, {}, self)
        await asyncio.get_running_loop().create_connection(lambda: line, uri.host, uri.port)
        await line.welcomed
        self._line = line
        await self._has_gone.wait()

    def _query(self) -> dict[str, str]:
        query = {"user": self.name}
        if self._guest_key is not None:
            query["guest_key"] = self._guest_key
        if self._epoch is not None:
            query |= {"epoch": self._epoch, "since": str(self._seen)}
        return query

    # Listening

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        """Leave every frame to `event`."""
        return False

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        """Take what the server says."""
        match event["type"]:
            case "message":
                self._message(event)
            case "ack":
                self._ack(event)
            case "error":
                self._error(event)
            case "system":
                self._news(client, event)
            case "gap":
                self.complaints.append(f"{self.name} was told of a gap: {event}")
            case _:
                pass
        self._publish()

    def writable(self, client: BenchClient) -> None:
        """There is nothing that waits for this."""

    def closed(self, client: BenchClient, code: int, reason: str) -> None:
        """Come back."""
        self._line, self._is_joined = None, False
        self._lost_at = self._lost_at or time.monotonic()
        self._has_gone.set()

    def _news(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        if event["event"] == "welcome":
            self._guest_key = event.get("guest_key")
        elif event["event"] == "joined" and event["user"] == self.name and not self._is_joined:
            self._joined(client, event)

    def _joined(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        if "epoch" not in event:  # The server does not know where the room stands: come again.
            client.abort()
            self.closed(client, 1006, "")
            return
        if self._epoch is not None and not event["recovered"]:
            self.complaints.append(f"{self.name} was not given what it had missed since {self._seen}: {event}")
        if self._epoch is None or not event["recovered"]:
            self._seen = event["seq"]
        self._epoch, self._due, self._is_joined, self._line = event["epoch"], event["seq"], True, client
        self._came_to_date()
        for frame in self._unanswered.values():
            client.send(frame)

    def _came_to_date(self) -> None:
        if self._lost_at is not None and self.is_up_to_date:
            self.recoveries.append(time.monotonic() - self._lost_at)
            self._lost_at = None

    def _message(self, event: Mapping[str, Any]) -> None:
        seq = event["seq"]
        if seq != self._seen + 1:
            self.complaints.append(f"{self.name} got {seq} of {self.room} after {self._seen}")
        self._seen = seq
        self.heard.append((seq, event["content"]))
        self._came_to_date()

    def _ack(self, event: Mapping[str, Any]) -> None:
        if self._unanswered.pop(event.get("id", ""), None) is None:
            self.complaints.append(f"{self.name} got an answer to nothing: {event}")
        else:
            self.acknowledged[event["id"]] = event["seq"]

    def _error(self, event: Mapping[str, Any]) -> None:
        if not event["retryable"]:
            self.complaints.append(f"{self.name} was refused: {event}")
        self.refused += 1
        frame = self._unanswered.get(event.get("id", ""))
        if frame is not None:
            asyncio.get_running_loop().call_later(PAUSE, self._send_again, self._line, event["id"])

    def _send_again(self, line: BenchClient | None, id_: str) -> None:
        if line is not None and line is self._line and id_ in self._unanswered:
            line.send(self._unanswered[id_])

    def lose_connection(self) -> None:
        """Have the connection cut."""
        if self._line is not None:
            self._line.abort()
            self.closed(self._line, 1006, "")

    # Publishing

    def start_publishing(self) -> None:
        """Keep as much in flight as one may, from now on or from the next connection on."""
        self.publishes = True
        self._publish()

    def _publish(self) -> None:
        while self.publishes and self._is_joined and len(self._unanswered) < MOST_IN_FLIGHT:
            self._number += 1
            id_ = f"{self.name}-{self._number}"
            frame = json.dumps({"type": "message", "content": id_, "id": id_}).encode()
            self._unanswered[id_] = frame
            assert self._line is not None
            self._line.send(frame)
