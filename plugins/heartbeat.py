"""Heartbeat: asks silent clients for a sign of life, and lets go of the dead.

Anything that arrives counts. Where the transport can, silence is answered by a WebSocket ping frame, which every
client library answers by itself; a `ping` event goes to the clients that speak it. One timer wheel serves all
connections: each stands in the slot of the second at which it must be looked at again.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from ..core import Connection, Plugin, PluginConfig, StateKey, hookimpl
from ..protocol import Ping, Pong

PINGED_AT = StateKey[float]("heartbeat.pinged_at")


class HeartbeatConfig(PluginConfig):
    """The options of `heartbeat`."""

    interval: float = Field(default=30.0, gt=0, description="seconds of silence after which a client is asked")
    timeout: float = Field(default=10.0, gt=0, description="seconds that it has to answer")
    json_ping: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="to whom a ping event goes: auto means clients that have sent ping or pong themselves, "
        "and everyone where the transport has no ping frames",
    )


class Heartbeat(Plugin[HeartbeatConfig]):
    """Looks at each connection once an interval, and again when an answer is due."""

    @hookimpl
    def startup(self) -> None:
        """Start the wheel."""
        self._tick = min(1.0, self.config.interval / 4, self.config.timeout / 4)
        self._slots: dict[int, set[Connection]] = {}
        self._slot_of: dict[Connection, int] = {}
        self._turned_to = self._slot_at(self.manager.now())
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)

    @hookimpl
    def shutdown(self) -> None:
        """Stop the wheel."""
        self._timer.cancel()

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Look at the connection in an interval."""
        self._look_at(connection, self.manager.now() + self.config.interval)

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        """Forget the connection."""
        slot = self._slot_of.pop(connection, None)
        if slot is not None and slot in self._slots:
            self._slots[slot].discard(connection)

    @hookimpl
    def handle_event(self, event: Pong) -> None:
        """Nothing more to do: whatever arrives is a sign of life."""

    def _slot_at(self, time: float) -> int:
        return int(time / self._tick)

    def _look_at(self, connection: Connection, time: float) -> None:
        slot = max(self._slot_at(time), self._turned_to + 1)
        self._slots.setdefault(slot, set()).add(connection)
        self._slot_of[connection] = slot

    def _turn(self) -> None:
        """Look at everyone whose slot has come."""
        now = self.manager.now()
        current = self._slot_at(now)
        due = range(self._turned_to + 1, current + 1)
        self._turned_to = max(current, self._turned_to)
        for slot in due if len(due) <= len(self._slots) else sorted(each for each in self._slots if each in due):
            for connection in self._slots.pop(slot, ()):
                del self._slot_of[connection]
                self._check(connection, now)
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)

    def _check(self, connection: Connection, now: float) -> None:
        interval, timeout = self.config.interval, self.config.timeout
        pinged_at = connection.state.get(PINGED_AT)
        if pinged_at is not None and connection.last_seen < pinged_at:
            connection.close(4010, f"no sign of life within {interval + timeout:g} seconds")
        elif now - connection.last_seen < interval:
            self._look_at(connection, connection.last_seen + interval)
        elif self._ask(connection):
            connection.state[PINGED_AT] = now
            self._look_at(connection, now + timeout)
        else:
            self._look_at(connection, now + interval)

    def _ask(self, connection: Connection) -> bool:
        """Ask for a sign of life; return whether silence would mean that the client is gone."""
        can_ping = connection.ping()
        mode = self.config.json_ping
        if mode == "always" or (mode == "auto" and (connection.speaks_ping or not can_ping)):
            connection.send(Ping(timestamp=datetime.now(UTC).isoformat().replace("+00:00", "Z")))
        return can_ping or connection.speaks_ping
