"""The test kit: a whole server in memory, without sockets and on a virtual clock, for tests without ``async``.

    def test_slow_mode_refuses_the_second_message():
        with HubForTests({"chat": {}, "slow_mode": {"seconds": 5}}, plugins={"slow_mode": SlowMode}) as hub:
            alice = hub.connect("alice")
            alice.say("one")
            alice.say("two")
            assert alice.receive("error")["code"] == "rate_limited"
            hub.advance(5)
            alice.say("three")
            assert alice.receive("message", content="three")

Everything that a call sets off has happened when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import msgspec

from ..protocol import Format, Json
from .broker import Broker
from .config import LoadedConfig, config_from
from .connection import Connection
from .connection_manager import ConnectionManager
from .guests import GUEST_KEY
from .handshake import Handshake
from .hub import Hub
from .loader import PluginClass
from .session import Session
from .virtual_time import VirtualTimeLoop
from .wire import JSON_TEXTS, MSGPACK_BYTES, Rendered, Wire, Writer

T = TypeVar("T")
Received = dict[str, Any]


class HubForTests:
    """A server in memory, running inside a ``with`` block."""

    def __init__(
        self,
        enabled: Mapping[str, object] | None = None,
        *,
        plugins: Mapping[str, PluginClass] | None = None,
        broker: Broker | None = None,
        beside: HubForTests | None = None,
        **sections: object,
    ) -> None:
        """``enabled`` is what config.yaml has under ``plugins:``; ``sections`` are its other sections.

        ``plugins`` are classes that need not be installed; ``beside`` is a server on the same clock.
        Raise `ConfigError` or `PluginError` as the start of a real server would.
        """
        loaded: LoadedConfig = config_from({"plugins": dict(enabled or {}), **sections})
        self.hub = Hub(loaded, plugins=plugins, broker=broker)
        self.loop = VirtualTimeLoop() if beside is None else beside.loop
        self._owns_loop = beside is None

    def __enter__(self) -> Self:
        try:
            self.run(self.hub.start())
        except BaseException:
            self.loop.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.hub.stop())
        if self._owns_loop:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.settle()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    @property
    def manager(self) -> ConnectionManager:
        """The server's `ConnectionManager`."""
        return self.hub.manager

    def connect(
        self,
        user: str | None = None,
        room: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
        address: str = "203.0.113.7",
        can_ping: bool = True,
    ) -> ClientForTests:
        """Connect a client, as the URL ``/ws/{room}?user={user}`` would: one of them, if there are several."""
        named = {} if user is None else {"user": user, GUEST_KEY: self.manager.guests.key_for(user)}
        parameters = {**named, **(query or {})}
        handshake = Handshake(room, parameters, headers or {}, subprotocols, address)
        client = ClientForTests(self, handshake, can_ping=can_ping)
        self.settle()
        return client

    def run(self, awaitable: Awaitable[T] | Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous to its end; timers that it waits for go by at once."""

        async def wait() -> T:
            return await awaitable

        task = self.loop.create_task(wait())
        self.settle()
        for _ in range(1000):
            if task.done():
                break
            self.loop.advance(0.1)
        return task.result()

    def settle(self) -> None:
        """Run until everything waits for a timer or for a client."""
        self.loop.settle()

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.loop.advance(seconds)


class ClientForTests:
    """One client: what it sends, what it has received, and how it was closed."""

    def __init__(self, hub: HubForTests, handshake: Handshake, *, can_ping: bool) -> None:
        self._hub = hub
        self._format = handshake.format
        high_water = hub.hub.config.server.max_outgoing_buffer // 2
        self._transport = _MemoryTransport(self._format, can_ping=can_ping, high_water=high_water)
        self._session = self._transport.session = hub.hub.new_session(self._transport)
        self._call(self._session.open, handshake)

    @property
    def events(self) -> list[Received]:
        """Everything received and not yet taken, oldest first."""
        return self._transport.events

    @property
    def close_code(self) -> int | None:
        """The code with which the server closed the connection; None while it is open."""
        return self._transport.close_code

    @property
    def close_reason(self) -> str:
        """The reason that came with the close code."""
        return self._transport.close_reason

    @property
    def pings(self) -> int:
        """How many WebSocket ping frames have come."""
        return self._transport.pings

    @property
    def is_read(self) -> bool:
        """Whether the server takes more from this client at the moment."""
        return not self._transport.is_reading_paused

    @property
    def connection(self) -> Connection:
        """The server's side of the connection. Raise `LookupError` where it is not, or no longer, connected."""
        for connection in self._hub.manager.connections.values():
            if connection.transport is self._transport:
                return connection
        raise LookupError("this client is not connected")

    def send(self, event: Mapping[str, Json] | str | bytes) -> None:
        """Send one event, or a raw frame: text as ``str``, binary as ``bytes``."""
        if isinstance(event, str):
            self._call(lambda: self._session.receive(event.encode(), is_text=True))
        elif isinstance(event, bytes):
            self._call(lambda: self._session.receive(event, is_text=False))
        elif self._format is Format.MSGPACK:
            self.send(msgspec.msgpack.encode(event))
        else:
            self.send(msgspec.json.encode(event).decode())

    def say(self, content: Json, **fields: Json) -> None:
        """Send a ``message``."""
        self.send({"type": "message", "content": content, **fields})

    def receive(self, type_: str | None = None, **fields: object) -> Received:
        """Take the oldest event of this type that has these fields.

        Raise `AssertionError`, with what has come instead, where there is none.
        """
        wanted = fields if type_ is None else {"type": type_, **fields}
        for index, event in enumerate(self.events):
            if all(name in event and event[name] == value for name, value in wanted.items()):
                return self.events.pop(index)
        raise AssertionError(f"no event with {wanted} has come, but: {self.events}")

    def take(self, type_: str | None = None) -> list[Received]:
        """Take all events, or all of one type, oldest first."""
        taken = [event for event in self.events if type_ in (None, event["type"])]
        self.events[:] = [event for event in self.events if type_ not in (None, event["type"])]
        return taken

    def alive(self) -> None:
        """Give a sign of life that is no event, as a pong frame is."""
        self._call(self._session.alive)

    def fall_silent(self) -> None:
        """From now on leave ping frames unanswered, as a peer does that is gone without the socket's noticing."""
        self._transport.is_silent = True

    def close(self, code: int = 1000) -> None:
        """Close from the client's side."""
        self._call(self._session.ended, code)

    def vanish(self) -> None:
        """Be gone without a word."""
        self.close(1006)

    def stop_reading(self) -> None:
        """Take nothing more from the socket: what is sent stays in the server's buffers."""
        self._transport.is_stalled = True

    def start_reading(self) -> None:
        """Take everything that has waited."""
        self._call(self._transport.unstall)

    def fail_writes(self) -> None:
        """From now on writing to this client raises, as it does on a dead socket."""
        self._transport.fails = True

    def _call(self, function: Any, *arguments: object) -> None:
        self._hub.loop.call_soon(function, *arguments)
        self._hub.settle()


class _MemoryTransport:
    session: Session

    def __init__(self, format_: Format, *, can_ping: bool, high_water: int) -> None:
        self._wire = JSON_TEXTS if format_ is Format.JSON else MSGPACK_BYTES
        self._can_ping = can_ping
        self.events: list[Received] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.pings = 0
        self.is_reading_paused = False
        self.fails = False
        self.is_stalled = False
        self.is_silent = False
        self._high_water = high_water
        self._buffer: list[str | bytes] = []
        self._buffered = 0

    @property
    def wire(self) -> Wire:
        return self._wire

    @property
    def writer(self) -> Writer:
        return self.write

    def write(self, rendered: Rendered) -> None:
        if self.fails:
            raise ConnectionResetError("the socket is dead")
        for payload in cast("list[str] | list[bytes]", rendered):
            self._buffer.append(payload)
            was_high, self._buffered = self._buffered > self._high_water, self._buffered + len(payload)
            if self._buffered > self._high_water and not was_high:
                self.session.writing_paused()
        if not self.is_stalled:
            self.unstall()

    def unstall(self) -> None:
        self.is_stalled = False
        payloads, self._buffer = self._buffer, []
        for payload in payloads:
            is_text = isinstance(payload, str)
            event = msgspec.json.decode(payload) if is_text else msgspec.msgpack.decode(payload)
            self.events.append(cast(Received, event))
        was_high, self._buffered = self._buffered > self._high_water, 0
        if was_high:
            self.session.writing_resumed()

    def close(self, code: int, reason: str) -> None:
        self.close_code, self.close_reason = code, reason

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def ping(self) -> bool:
        self.pings += self._can_ping
        if self._can_ping and not self.is_silent:
            asyncio.get_running_loop().call_soon(self.session.alive)
        return self._can_ping
