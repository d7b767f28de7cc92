"""Several servers in one process with one store, and a bus between them."""

from __future__ import annotations

from contextlib import ExitStack

from hubbub.core.testing import ClientForTests, HubForTests

from .bus import Bus, BusBroker


class Servers:
    """Servers with the store `moody`, which the fixture ``store`` registers."""

    def __init__(self, stack: ExitStack) -> None:
        self.bus = Bus()
        self.hubs: list[HubForTests] = []
        self.brokers: list[BusBroker] = []
        self._stack = stack

    def start(self, **options: object) -> HubForTests:
        broker = BusBroker(self.bus)
        enabled = {"chat": {}, "history": {"store": "moody", **options}}
        beside = self.hubs[0] if self.hubs else None
        hub = self._stack.enter_context(HubForTests(enabled, broker=broker, beside=beside))
        self.hubs.append(hub)
        self.brokers.append(broker)
        return hub


def heard(client: ClientForTests) -> list[tuple[int, object]]:
    """What has been said, as the client got it, with the numbers."""
    return [(event["seq"], event["content"]) for event in client.take("message")]
