"""A server for the page, which can die and come back on the same port."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
import yaml
from websockets.sync.client import ClientConnection, connect

from ..forked_hubbub import ForkedHubbub
from ..kept_port import KeptPort
from ..lines import Lines

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
        self._process: ForkedHubbub | None = None
        self._logs: list[Lines] = []

    def restart_with(self, **plugins: object) -> None:
        """Run with these plugins beside those of a chat."""
        self.end()
        config = {"plugins": {**plugins, **PLUGINS}}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self.start()

    def start(self) -> None:
        words = ["serve", "--port", str(self._port.number)]
        self._process = ForkedHubbub(words, self.folder, os.environ | self.environment)
        self._logs.append(Lines(self._process.stderr))
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+/", Lines(self._process.stdout).wait_for("http://"))
        except AssertionError:
            pytest.fail(f"the server printed no URL: {self.log}")
        assert found is not None
        self.url = found[0]

    @property
    def log(self) -> str:
        """What it has logged."""
        return "\n".join(line for log in self._logs for line in log.all())

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self.send(how)
            self._process.wait(30)
            self._process = None
            self._logs[-1].wait_for_end()

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
