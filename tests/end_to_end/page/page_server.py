"""A server for the page, which can die and come back on the same port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from websockets.sync.client import ClientConnection, connect

from ..kept_port import KeptPort

PLUGINS: dict[str, object] = {
    "chat": {},
    "presence": {},
    "validation": {},
    "rate_limit": {"messages": 1000, "others": {"messages": 100_000}},
    "heartbeat": {},
}


class PageServer:
    """A `hubbub serve` of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.environment: dict[str, str] = {}
        self.folder = folder
        self._port = KeptPort()
        self._process: subprocess.Popen[str] | None = None

    def restart_with(self, **plugins: object) -> None:
        """Run with these plugins beside those of a chat."""
        self.end()
        config = {"plugins": {**plugins, **PLUGINS}}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "hubbub.core.cli", "serve", "--port", str(self._port.number)]
        with (self.folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.folder,
                env=os.environ | self.environment,
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                self.url = found[0]
                return
        pytest.fail(f"the server printed no URL: {self.log}")

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "server.log").read_text()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            with self._process:
                self.send(how)
            self._process = None

    def restart(self) -> None:
        """End as if the power had failed, and come back."""
        self.end(signal.SIGKILL)
        self.start()

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws") + "ws"

    def connect(self, path: str) -> ClientConnection:
        """A client that is no page."""
        return connect(self.websocket_url + path, max_queue=None)
