"""``hubbub nodes``: lists the servers that share a broker. It only listens, so that none takes it for one."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping

import msgspec

from ..protocol import Event
from .broker import Broker
from .cluster import HEARTBEAT
from .cluster_messages import Alive, Bye, decode
from .config import LoadedConfig
from .hub import Hub
from .logs import configure_logging
from .peer import node_name
from .publication import Publication

LISTENS = 2.2 * HEARTBEAT
"""Seconds in which each server says twice that it lives."""


class Observer:
    """Hears what servers tell each other."""

    def __init__(self, types: Mapping[str, type[Event]]) -> None:
        self.types = types
        self.alive: dict[str, Alive] = {}
        self.trouble: str | None = None
        """Why nothing can be heard."""

    def deliver(self, room: str, publication: Publication) -> None:
        """Nothing is subscribed."""

    def hear(self, payload: bytes) -> None:
        """Note who lives; what cannot be read is of another release."""
        try:
            message = decode(payload)
        except msgspec.MsgspecError:
            return
        if isinstance(message, Alive):
            self.alive[message.node] = message
        elif isinstance(message, Bye):
            self.alive.pop(message.node, None)

    def broker_lost(self, reason: str) -> None:
        """Note why nothing comes."""
        self.trouble = reason

    def broker_found(self) -> None:
        """Note that it does again."""
        self.trouble = None


def nodes(loaded: LoadedConfig) -> int:
    """Print the servers that use the broker of the config; return the exit status."""
    configure_logging(loaded.config.logging)
    hub = Hub(loaded)
    if not hub.broker.is_shared:
        sys.stdout.write(
            "There is only one server with this config, as its broker is in memory. What connects several is a "
            "broker such as that of the plugin redis.\n"
        )
        return 0
    observer = Observer(hub.codec.types)
    asyncio.run(observe(hub.broker, observer))
    if observer.trouble is not None:
        sys.stderr.write(f"the broker is away, so the servers cannot be heard: {observer.trouble}\n")
        return 1
    sys.stdout.write(table(observer.alive, time.time()))
    return 0


async def observe(broker: Broker, observer: Observer) -> None:
    """Listen until each server must have been heard."""
    waiting = broker.start(observer, node_name("observer"))
    if waiting is not None:
        await waiting
    try:
        if observer.trouble is None:
            await asyncio.sleep(LISTENS)
    finally:
        waiting = broker.stop()
        if waiting is not None:
            await waiting


def table(alive: Mapping[str, Alive], now: float) -> str:
    """The servers by name, with totals where there are several."""
    if not alive:
        return f"No server was heard in {LISTENS:g} seconds. Do they use this broker, and the same prefix in it?\n"
    rows = [("node", "up", "connections", "rooms")]
    for name in sorted(alive):
        each = alive[name]
        rows.append((name, _duration(now - each.started), str(each.connections), str(each.rooms)))
    width = max(len(row[0]) for row in rows)
    lines = [f"{node:<{width}}  {up:>8}  {connections:>11}  {rooms:>7}" for node, up, connections, rooms in rows]
    if len(alive) > 1:
        lines.append(f"{len(alive)} servers, {sum(each.connections for each in alive.values())} connections")
    return "\n".join(lines) + "\n"


def _duration(seconds: float) -> str:
    seconds = max(0, int(seconds))
    minutes, hours = seconds // 60, seconds // 3600
    if hours >= 48:
        return f"{hours // 24} d"
    if minutes >= 60:
        return f"{hours} h {minutes % 60:02} m"
    return f"{minutes} min" if minutes else f"{seconds} s"
