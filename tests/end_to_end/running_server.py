"""A `hubbub serve` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from .forked_hubbub import ForkedHubbub
from .lines import Lines

HUBBUB = (sys.executable, "-m", "hubbub.core.cli")


class RunningServer:
    """A server that listens on a free port, until `stop`."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        """With a ``command``, such as `HUBBUB`, it is started as people start it, which takes a second."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")} | dict(
            environment or {}
        )
        words = ["serve", "--port", "0", *arguments]
        self.process: subprocess.Popen[str] | ForkedHubbub
        if command is None:
            self.process = ForkedHubbub(words, folder, environment)
        else:
            self.process = subprocess.Popen(
                [*command, *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.output, self.log = Lines(self.process.stdout), Lines(self.process.stderr)
        try:
            found = re.search(r"http://([^ /]+):(\d+)/", self.output.wait_for("http://"))
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not start:\n" + "\n".join(self.log.wait_for_end())) from None
        assert found is not None
        self.host, self.port = found[1], int(found[2])
        self.expects_errors = False
        """Whether a traceback in the log is no mistake."""

    def url(self, path: str = "/ws") -> str:
        """The WebSocket URL of a path."""
        return f"ws://{self.host}:{self.port}{path}"

    def get(self, path: str) -> tuple[int, str]:
        """The status and the body that the server answers to a GET request."""
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    @property
    def connections(self) -> int:
        """How many are connected, as the server says."""
        body = json.loads(self.get("/readyz")[1])
        return cast(int, body["connections"])

    @property
    def memory(self) -> int:
        """The resident memory of the process, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def logged(self) -> list[dict[str, object]]:
        """The log lines so far, which are JSON because nobody looks at a terminal."""
        return [cast("dict[str, object]", json.loads(line)) for line in self.log.all()]

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> int:
        """End the server and return its exit status; see to it that no traceback was logged."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            log = "\n".join(self.log.wait_for_end())
            raise AssertionError(
                f"the server did not end within {timeout:g} seconds of {how.name}:\n{log}"
            ) from None
        log = "\n".join(self.log.wait_for_end())
        self.output.wait_for_end()
        assert self.expects_errors or ("Traceback" not in log and "exception" not in log), log
        return status
