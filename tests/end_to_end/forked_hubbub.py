"""A `hubbub` in a process of its own that is there at once: where it forks off, all is imported."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

from hubbub.core.cli import main

PLUGINS = (
    "chat",
    "heartbeat",
    "history.plugin",
    "permissions.plugin",
    "presence",
    "rate_limit",
    "validation.plugin",
)
STORES = ("memory", "sqlite", "postgres", "redis", "jetstream")

context = get_context("forkserver")
context.set_forkserver_preload(
    [
        __name__,
        "uvicorn.loops.auto",
        "uvicorn.lifespan.off",
        *(f"hubbub.plugins.{name}" for name in PLUGINS),
        *(f"hubbub.plugins.history.{store}" for store in STORES),
    ]
)


class ForkedHubbub:
    """What a `subprocess.Popen` of the command would be."""

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        output, their_output = context.Pipe(duplex=False)
        errors, their_errors = context.Pipe(duplex=False)
        arguments = (list(words), folder, dict(environment), their_output, their_errors)
        self._process = context.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        their_output.close()
        their_errors.close()
        self.stdout, self.stderr = _text(output), _text(errors)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, of which -9 is SIGKILL; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; raise `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("hubbub", timeout)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _text(connection: Connection) -> TextIO:
    with connection:
        return os.fdopen(os.dup(connection.fileno()), encoding="utf-8")


def _run(
    words: list[str], folder: Path, environment: dict[str, str], output: Connection, errors: Connection
) -> None:
    gc.freeze()  # What was imported before is not worth a look.
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, connection in ((1, output), (2, errors)):
        with connection:
            os.dup2(connection.fileno(), number)
    raise SystemExit(main(words))
