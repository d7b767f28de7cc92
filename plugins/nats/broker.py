"""The broker on NATS: which server's turn it is, and what is said where NATS refuses a publication."""

from __future__ import annotations

import random
from collections.abc import Iterable

from ...core import ReconnectingBroker, Rejected
from .config import NatsConfig
from .session import Session
from .subjects import Subjects


class NatsBroker(ReconnectingBroker[str]):
    """Carries publications by core NATS, with a subject for each room and each server.

    NATS keeps nothing of it: what is published while a server is not connected does not reach it.
    """

    def __init__(self, config: NatsConfig) -> None:
        self._config = config
        self._subjects = Subjects(config.prefix)
        self._servers = random.sample(config.servers, len(config.servers))
        super().__init__(
            "NATS",
            self._subjects,
            timeout=config.timeout,
            max_reconnect_seconds=config.max_reconnect_seconds,
        )

    def sessions(self) -> Iterable[Session]:
        """A connection to each of the servers."""
        for server in tuple(self._servers):
            self._servers.append(self._servers.pop(0))  # Next time it is another's turn.
            yield Session(self._config, server, f"hubbub {self.node}", self._subjects, self.arrived, self._refused)

    def _refused(self, subject: str) -> Rejected:
        return self.refused(f"NATS does not allow publishing to {subject}; allow {self._subjects.all}")
