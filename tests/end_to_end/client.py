"""A person or a program at the other end, with the websockets library."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Sequence
from time import monotonic
from typing import cast

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

Fields = dict[str, object]


class Client:
    """A connection whose frames are JSON objects."""

    def __init__(self, url: str, *, subprotocols: Sequence[str] = (), max_queue: int | None = 16) -> None:
        self._connect = connect(
            url,
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            compression=None,
            proxy=None,
            max_size=None,
            max_queue=max_queue,
            ping_interval=None,
            close_timeout=5,
            open_timeout=20,
        )
        self.websocket: ClientConnection = self._connect.__enter__()

    def send(self, **event: object) -> None:
        """Send an event."""
        self.websocket.send(json.dumps(event))

    def receive(self, timeout: float = 10.0) -> Fields:
        """Return the next event."""
        return cast(Fields, json.loads(self.websocket.recv(timeout)))

    def wait_for(self, timeout: float = 10.0, **fields: object) -> Fields:
        """Return the next event that has these fields, and skip those before it."""
        deadline, skipped = monotonic() + timeout, list[Fields]()
        try:
            while True:
                event = self.receive(max(deadline - monotonic(), 0.001))
                if event.items() >= fields.items():
                    return event
                skipped.append(event)
        except TimeoutError:
            raise AssertionError(f"no event has {fields}; there came {skipped[-20:]}") from None

    def close_code(self, timeout: float = 20.0) -> int | None:
        """Skip what is still to come, and return the server's close code; None where there is no close frame."""
        deadline = monotonic() + timeout
        try:
            while True:
                self.websocket.recv(max(deadline - monotonic(), 0.001))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None

    @property
    def close_reason(self) -> str:
        """What the server's close frame says."""
        return self.websocket.close_reason or ""

    def close(self) -> None:
        """Close as a polite client does."""
        self.websocket.close()

    def vanish(self) -> None:
        """Be gone without a word, as a process that is killed."""
        with contextlib.suppress(OSError):
            self.websocket.socket.shutdown(socket.SHUT_RDWR)
        self.websocket.close()
