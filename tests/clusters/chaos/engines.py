"""What is between the servers of Hubbub, on ports that were free: a broker, and a store for the history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from ...plugins.history.servers import JetStream, Nats, Postgres, Redis, RedisOnPort, Server

Plugins = Mapping[str, object]

KEEP: Mapping[str, object] = {"keep": 1_000_000, "max_recovered": 100_000}


class Engine(ABC):
    """A broker that may be taken away, and where the history is."""

    broker: Server
    port: int
    has_history: bool
    has_one_order: bool
    """Whether everybody hears in one order, without history too, what comes from several servers."""

    @abstractmethod
    def plugins(self, port: int, times: Mapping[str, object]) -> Plugins:
        """The plugins of a server that reaches the broker at ``port``; ``times`` are the broker's options."""

    def remove(self) -> None:
        """End everything."""
        self.broker.remove()


class RedisEngine(Engine):
    """One Redis, as broker and with the history."""

    def __init__(self, *, has_history: bool = True) -> None:
        self.broker = server = RedisOnPort()
        self.port, self.has_history, self.has_one_order = server.port, has_history, True

    def plugins(self, port: int, times: Mapping[str, object]) -> Plugins:
        url = f"redis://127.0.0.1:{port}"
        history = {"history": {"store": "redis", "url": url, **KEEP}}
        return {"redis": {"url": url, **times}, **(history if self.has_history else {})}


class NatsEngine(Engine):
    """NATS, with the history in JetStream, which is a part of it, or in a store beside it that stays."""

    def __init__(self, store: str | None = "jetstream") -> None:
        """``store`` is the name of the history's, or None: no history."""
        self._beside = Redis() if store == "redis" else Postgres() if store == "postgres" else None
        self._store = store
        self.broker = server = JetStream() if store == "jetstream" else Nats()
        self.port, self.has_history, self.has_one_order = server.port, store is not None, False

    def plugins(self, port: int, times: Mapping[str, object]) -> Plugins:
        url = f"nats://127.0.0.1:{port}"
        nats = {"nats": {"servers": [url], **times}}
        if self._store is None:
            return nats
        return {
            **nats,
            "history": {"store": self._store, "url": self._beside.url if self._beside else url, **KEEP},
        }

    def remove(self) -> None:
        super().remove()
        if self._beside is not None:
            self._beside.remove()
