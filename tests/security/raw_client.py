"""A client that says exactly what a test tells it to, byte by byte."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self, cast

from ..end_to_end.running_server import RunningServer

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Closed(NamedTuple):
    """How the server has ended a connection."""

    code: int
    reason: str


class RawClient:
    """A TCP connection to a server."""

    def __init__(self, server: RunningServer) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=20)
        self.host = f"{server.host}:{server.port}"
        self._data = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def handshake(
        self, path: str = "/ws", headers: Mapping[str, str] | None = None, *, first: bytes = b""
    ) -> None:
        """Send a WebSocket handshake, after the bytes ``first``, and see that it is accepted."""
        self.ask(path, headers, first=first)
        assert self.status() == 101

    def ask(self, path: str = "/ws", headers: Mapping[str, str] | None = None, *, first: bytes = b"") -> None:
        """Send a WebSocket handshake, after the bytes ``first``."""
        whole = {"Host": self.host} | HANDSHAKE | dict(headers or {})
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in whole.items()), "", ""]
        self.socket.sendall(first + "\r\n".join(lines).encode())

    def status(self) -> int:
        """Read the head of a response, and return its status."""
        while b"\r\n\r\n" not in self._data:
            self._read()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1.1 (\d+) ", head)
        assert found is not None, head
        return int(found[1])

    def receive(self) -> dict[str, object] | Closed:
        """The next event, or how the connection was closed."""
        head = self._take(2)
        length = head[1] if head[1] < 126 else int.from_bytes(self._take(2), "big")
        payload = self._take(length)
        if head[0] == 0x88:
            return Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())
        return cast("dict[str, object]", json.loads(payload))

    def rest(self) -> bytes:
        """What is still to come, up to the end of the connection."""
        try:
            while True:
                self._read()
        except ConnectionError:
            return self._data

    def drip(self, data: bytes, every: float, seconds: float) -> float:
        """Send byte after byte of ``data``, over and over again; return the seconds until the server ended it."""
        begun, number = monotonic(), 0
        self.socket.settimeout(every)
        try:
            while monotonic() - begun < seconds:
                self.socket.sendall(data[number % len(data) :][:1])
                number += 1
                try:
                    self._read()
                except TimeoutError:
                    continue
        except ConnectionError:
            return monotonic() - begun
        raise AssertionError(f"after {seconds} seconds the connection is still open")

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            self._read()
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def _read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the server has ended the connection")
        self._data += data
