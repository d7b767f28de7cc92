"""Several `hubbub serve` processes with one NATS."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..end_to_end.kept_port import KeptPort
from ..end_to_end.running_server import RunningServer
from ..plugins.history.servers import Server
from .machines import TIMEOUT, Machines


class Nats(Server):
    """A NATS server on a port of its own."""

    ready = "Server is ready"

    def __init__(self, *arguments: str) -> None:
        if shutil.which("nats-server") is None:
            reason = "nats-server is not installed: apt install nats-server"
            pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
        super().__init__()
        self.arguments = arguments
        self._kept_port = KeptPort()
        self.port = self._kept_port.number
        self.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), *self.arguments]


class NatsMachines(Machines):
    """Servers and their clients, which end with the stack."""

    def __init__(self, stack: ExitStack, folder: Path, *servers: str, **config: object) -> None:
        super().__init__(stack, folder, {})
        self._nats = {"servers": list(servers), "timeout": TIMEOUT, "max_reconnect_seconds": 0.2, **config}

    def start(self, **plugins: object) -> RunningServer:
        return super().start(redis=False, nats=self._nats, **plugins)
