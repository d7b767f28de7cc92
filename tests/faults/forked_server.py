"""A `hubbub serve` that is started in a fraction of the usual time: where it forks off, everything is imported."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from hubbub.core.cli import main

from ..end_to_end.forked_hubbub import context
from ..end_to_end.lines import Lines


def serve(folder: Path, port: int, output: Connection) -> None:
    """In a process of its own: run in ``folder``, and tell the URL through ``output``."""
    gc.freeze()  # What was imported before is not worth a look.
    os.chdir(folder)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output.fileno(), 1)
    os.dup2(log, 2)
    raise SystemExit(main(["serve", "--port", str(port)]))


class ForkedServer:
    """One server process after the other, with one config, on one port."""

    def __init__(self, folder: Path, config: Mapping[str, object]) -> None:
        (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))
        self._folder = folder
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self._port}/ws"

    def start(self) -> None:
        """Start, where the last one was; return when it takes connections."""
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(self._folder, self._port, writer), daemon=True)
        self._process.start()
        writer.close()
        with reader:
            output = Lines(os.fdopen(os.dup(reader.fileno())))
        try:
            line = output.wait_for("http://")
        except AssertionError:
            self.end(signal.SIGKILL)
            raise AssertionError(f"the server did not start:\n{self.log}") from None
        port = urlsplit(next(word for word in line.split() if word.startswith("http://"))).port
        assert port is not None
        self._port = port

    def end(self, how: signal.Signals) -> None:
        """End it by a signal, and see to it that it has not logged a traceback."""
        assert self._process.pid is not None
        os.kill(self._process.pid, how)
        self._process.join(20)
        assert self._process.exitcode is not None, f"the server does not end:\n{self.log}"
        self._process.close()
        assert "Traceback" not in self.log, self.log

    @property
    def log(self) -> str:
        """What all of them have logged."""
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""
