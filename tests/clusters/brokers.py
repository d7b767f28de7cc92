"""What differs for the servers of Hubbub when another broker is between them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ..plugins.history.servers import Nats, Redis
from .machines import Machines

BROKERS = [Redis, Nats]

Broker = Redis | Nats


def machines_with(broker: Broker, stack: ExitStack, folder: Path) -> Machines:
    """Servers, none of which has started, and their clients, which end with the stack."""
    if isinstance(broker, Redis):
        return Machines(stack, folder, "redis", {"url": broker.url})
    return Machines(stack, folder, "nats", {"servers": [broker.url]})


def history_in(broker: Broker) -> dict[str, object]:
    """The config of a history that the broker keeps."""
    return {"store": "redis" if isinstance(broker, Redis) else "jetstream", "url": broker.url}
