"""Heartbeat: asks silent clients for a sign of life, and lets go of the dead.

Anything that arrives counts. Where the transport can, silence is answered by a WebSocket ping frame, which every
client library answers by itself; a `ping` event goes to the clients that speak it. One timer wheel serves all
connections: each stands in the slot of the turn at which it must be looked at again.

Time is counted in turns of the wheel, not read from the clock: while the server itself is held up the wheel stands
still, and nobody is taken for dead whose answer has only not been read yet.
"""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import UTC, datetime
from math import ceil
from typing import Literal, NamedTuple

from pydantic import Field

from ..core import Connection, Plugin, PluginConfig, StateKey, hookimpl
from ..protocol import Ping, Pong

logger = logging.getLogger(__name__)

LAST_PING = StateKey[str]("heartbeat.last_ping")
"""The timestamp of the last ping event."""
ECHOES = StateKey[bool]("heartbeat.echoes")
"""Whether a pong has brought such a timestamp back, as programs do and people do not."""


EARLIEST = 0.75
"""The part of an interval after which a silent client may be asked."""


class Question(NamedTuple):
    """A sign of life that was asked for: when, and the turn by which it must have come."""

    asked_at: float
    due: int


class HeartbeatConfig(PluginConfig):
    """The options of `heartbeat`."""

    interval: float = Field(
        default=30.0,
        gt=0,
        description="seconds of silence after which a client is asked at the latest; up to a quarter earlier, so "
        "that thousands are not asked at once",
    )
    timeout: float = Field(
        default=10.0,
        gt=0,
        description="seconds that it has to answer; without ping frames, if it has answered before",
    )
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
        shortest = min(min(config.interval, config.timeout) for config in self.configs)
        self._tick = min(1.0, shortest / 4)
        self._turns = 0
        self._slots: dict[int, set[Connection]] = {}
        self._slot_of: dict[Connection, int] = {}
        self._asked: dict[Connection, Question] = {}
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)

    @hookimpl
    def shutdown(self) -> None:
        """Stop the wheel."""
        self._timer.cancel()

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Look at the connection before an interval is over."""
        self._look_after_silence(connection)

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        """Forget the connection."""
        self._asked.pop(connection, None)
        slot = self._slot_of.pop(connection, None)
        if slot is not None and slot in self._slots:
            self._slots[slot].discard(connection)

    @hookimpl
    def handle_event(self, connection: Connection, event: Pong) -> None:
        """Learn who answers a ping event: whatever arrives is a sign of life, but only they owe one."""
        if event.timestamp is not None and event.timestamp == connection.state.get(LAST_PING):
            connection.state[ECHOES] = True

    def _look_after_silence(self, connection: Connection) -> None:
        """Look again when the silence has lasted for an interval, or up to a quarter less."""
        interval = self.config_for(connection.room).interval * random.uniform(EARLIEST, 1)  # noqa: S311
        wait = connection.last_seen + interval - self.manager.now()
        self._look_at(connection, int(wait / self._tick))

    def _look_at(self, connection: Connection, turns: int) -> None:
        slot = self._turns + max(1, turns)
        self._slots.setdefault(slot, set()).add(connection)
        self._slot_of[connection] = slot

    def _turn(self) -> None:
        """Look at everyone whose slot has come."""
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)
        self._turns += 1
        now = self.manager.now()
        for connection in self._slots.pop(self._turns, ()):
            self._slot_of.pop(connection, None)
            try:
                if connection.is_open:
                    self._check(connection, now)
            except Exception:  # What is wrong with one connection must not end the watch over the others.
                logger.exception("connection %s of %s cannot be checked", connection.id, connection.user)
                connection.close_soon(1011, "it cannot be checked for life")

    def _check(self, connection: Connection, now: float) -> None:
        config = self.config_for(connection.room)
        question = self._asked.get(connection)
        if question is not None and connection.last_seen < question.asked_at:
            if self._turns >= question.due:
                connection.close(4010, f"no sign of life within {config.interval + config.timeout:g} seconds")
            else:
                self._look_at(connection, question.due - self._turns)
            return
        self._asked.pop(connection, None)
        if now - connection.last_seen < config.interval * EARLIEST - self._tick:
            self._look_after_silence(connection)
        elif self._ask(connection, config.json_ping):
            turns = ceil(config.timeout / self._tick)
            self._asked[connection] = Question(now, self._turns + turns)
            self._look_at(connection, min(turns, int(config.interval * EARLIEST / self._tick)))
        else:
            self._look_at(connection, int(config.interval / self._tick))

    def _ask(self, connection: Connection, json_ping: str) -> bool:
        """Ask for a sign of life; return whether silence would mean that the client is gone."""
        can_ping = connection.ping()
        if json_ping == "always" or (json_ping == "auto" and (connection.speaks_ping or not can_ping)):
            timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            connection.state[LAST_PING] = timestamp
            connection.send(Ping(timestamp=timestamp))
        return can_ping or ECHOES in connection.state
