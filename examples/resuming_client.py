"""A client that stays: it comes back by itself, misses nothing that the server keeps, and sends nothing twice.

    python resuming_client.py ws://127.0.0.1:8000/ws alice lobby garden

What it keeps, and why, is told in docs/clients.md.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

Event = dict[str, Any]
STAY_AWAY = {1000, 1002, 1003, 1007, 1009, 4001, 4003, 4009}
RESEND_WITHIN = 240.0  # seconds; the server knows an id again for server.id_window, which is 300


class Refused(Exception):
    """An event, or the client itself, is not wanted; the text says why."""


@dataclass
class Unconfirmed:
    event: Event
    confirmed: asyncio.Future[Event] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    first_sent: float | None = None
    carrier: ClientConnection | None = None


class ResumingClient:
    """A user in some rooms, the first of which is that of the URL."""

    def __init__(
        self, url: str, rooms: Sequence[str], on_event: Callable[[Event], None], *, user: str = "", token: str = ""
    ) -> None:
        self._url, self._on_event, self._user, self._token = url, on_event, user, token
        self._guest_key = ""
        self._places: dict[str, dict[str, Any]] = {room: {} for room in rooms}
        self._unconfirmed: dict[str, Unconfirmed] = {}
        self._socket: ClientConnection | None = None
        self._entered: set[str] = set()
        self._retry_after = 0.0

    async def publish(self, room: str, content: str) -> Event:
        """Return what confirms it, however many connections that takes, while `run` runs. Raise `Refused`."""
        event = {"type": "message", "room": room, "content": content, "id": uuid4().hex}
        mine = self._unconfirmed[event["id"]] = Unconfirmed(event)
        if room in self._entered:
            await self._send(mine)
        try:
            return await mine.confirmed
        finally:
            del self._unconfirmed[event["id"]]

    async def run(self) -> None:
        """Stay connected. Raise `Refused` where the server says not to come back."""
        attempt = 0
        while True:
            began, code, reason = time.monotonic(), None, None
            with suppress(OSError, WebSocketException):
                async with connect(self._address(), subprotocols=self._subprotocols()) as socket:
                    self._socket, self._retry_after = socket, 0.0
                    with suppress(WebSocketException):
                        async for frame in socket:
                            await self._take(json.loads(frame))
                    code, reason = socket.close_code, socket.close_reason
            self._entered.clear()
            if code in STAY_AWAY:
                raise Refused(f"{code}: {reason}")
            attempt = 1 if code is not None and time.monotonic() - began > 10 else attempt + 1
            spread = max(min(30.0, 2.0 ** (attempt - 1)), self._retry_after)
            await asyncio.sleep(self._retry_after + random.uniform(0, spread))  # noqa: S311

    def _address(self) -> str:
        room, place = next(iter(self._places.items()))
        name = {"user": self._user} if self._user else {}
        key = {"guest_key": self._guest_key} if self._guest_key else {}
        return f"{self._url}/{quote(room, safe='')}?{urlencode({**name, **key, **place})}"

    def _subprotocols(self) -> list[Subprotocol]:
        token = [Subprotocol(f"bearer.{self._token}")] if self._token else []
        return [Subprotocol("hubbub.v1.json"), *token]

    async def _take(self, event: Event) -> None:
        kind, room, id_ = event.get("event", event["type"]), event.get("room", ""), event.get("id", "")
        is_entry = kind == "joined" and event.get("user") == self._user and room not in self._entered
        if kind == "welcome":
            self._user, self._guest_key = event["user"], event.get("guest_key", "")
            for other in list(self._places)[1:]:
                await self._join(other)
        elif kind == "draining":
            self._retry_after = event["retry_after"]
        elif kind == "error" and id_.startswith("join "):
            self._not_entered(id_.removeprefix("join "), event)
        elif is_entry and not event.get("recovered"):
            self._places[room] = {"epoch": event["epoch"], "since": event["seq"]} if "epoch" in event else {}
        elif not is_entry and kind != "ack" and "seq" in event and room in self._places:
            self._places[room]["since"] = event["seq"]
        if id_ in self._unconfirmed:  # Its ack or error; or the event itself, which was published if it came back.
            self._settle(self._unconfirmed[id_], event)
        self._on_event(event)
        if is_entry:
            await self._enter(room)

    async def _join(self, room: str) -> None:
        if self._socket is not None:
            join = {"type": "join", "room": room, "id": f"join {room}", **self._places[room]}
            with suppress(WebSocketException):
                await self._socket.send(json.dumps(join))

    def _not_entered(self, room: str, error: Event) -> None:
        if error["retryable"]:
            wait = error.get("retry_after", 1.0)
            asyncio.get_running_loop().call_later(wait, lambda: asyncio.ensure_future(self._join(room)))
            return
        del self._places[room]
        for each in [each for each in self._unconfirmed.values() if each.event["room"] == room]:
            self._settle(each, error)

    async def _enter(self, room: str) -> None:
        """Send, in their order, the events for this room that this connection has not carried yet."""
        mine = [each for each in self._unconfirmed.values() if each.event["room"] == room]
        while waiting := [each for each in mine if each.carrier is not self._socket and not each.confirmed.done()]:
            await self._send(waiting[0])
            mine = [each for each in self._unconfirmed.values() if each.event["room"] == room]
        self._entered.add(room)

    async def _send(self, mine: Unconfirmed) -> None:
        assert self._socket is not None
        now, mine.carrier = time.monotonic(), self._socket
        mine.first_sent = mine.first_sent or now
        if now - mine.first_sent > RESEND_WITHIN:
            mine.confirmed.set_exception(Refused("Nobody knows whether it was published."))
            return
        with suppress(WebSocketException):  # The next connection carries it again.
            await self._socket.send(json.dumps(mine.event))

    def _settle(self, mine: Unconfirmed, answer: Event) -> None:
        if mine.confirmed.done():
            return
        if answer["type"] == "error":
            mine.confirmed.set_exception(Refused(answer["message"]))
        else:
            mine.confirmed.set_result(answer)


async def main(url: str, user: str, *rooms: str) -> None:
    client = ResumingClient(url, rooms, lambda event: print(json.dumps(event)), user=user)  # noqa: T201
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(client.run())
            while line := await asyncio.to_thread(sys.stdin.readline):
                with suppress(Refused):  # The error was printed.
                    await client.publish(rooms[0], line.strip())
            running.cancel()
    except* Refused as refused:
        print(*refused.exceptions, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
