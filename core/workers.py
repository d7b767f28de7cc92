"""Runs several servers on one port, each in a process of its own, and replaces those that die."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import selectors
import signal
import socket
import sys
from collections.abc import Generator, Iterable
from dataclasses import replace
from time import monotonic
from typing import NoReturn

from pydantic import SecretStr

from .app import create_app
from .config import LoadedConfig
from .config_errors import ConfigError
from .plugin_error import PluginError
from .server import CannotListenError, announce, listen, reserve, serve_on

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 30.0
"""Seconds until a worker is replaced; they double as long as the replacements die as well."""

STEADY = 60.0
"""Seconds after which a worker that dies is no longer one of a series."""

GRACE = 5.0
"""Seconds beyond ``drain_timeout`` that a worker has before it is killed."""

READY = b"+"
"""What a worker says when it listens; anything else is why it could not."""

_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_INTERRUPTED = 128 + signal.SIGINT


class WorkerFailedError(Exception):
    """A worker could not start; the message is its own."""


class Worker:
    """A place among the workers, and the process that has it now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: int | None = None
        self.report = -1
        """The end of the pipe on which the process says that it is ready, or why not."""
        self.said = b""
        self.started_at = 0.0
        self.start_at = 0.0
        self.pause = FIRST_PAUSE

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.process})"

    @property
    def is_ready(self) -> bool:
        """Whether it listens."""
        return self.said == READY


class Workers:
    """The parent of the workers. It serves nobody itself."""

    def __init__(self, loaded: LoadedConfig, number: int) -> None:
        self._loaded = _with_secret(loaded)
        self._workers = [Worker(each) for each in range(1, number + 1)]
        self._selector = selectors.DefaultSelector()
        self._lifeline, self._own_end = os.pipe()
        self._was_announced = False
        self._ended_by: signal.Signals | None = None
        self._kill_at = float("inf")
        self._failure: str | None = None
        self._is_in_order = True

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit status: 0 where every worker has drained.

        Raise `CannotListenError` where the address is taken, `WorkerFailedError` where a worker cannot start.
        """
        server = self._loaded.config.server
        with reserve(server) as reserved, self._signals() as signals:
            self._selector.register(signals, selectors.EVENT_READ, self._take_signals)
            self._address = reserved
            while self._ended_by is None or any(each.process is not None for each in self._workers):
                self._start_those_due()
                for key, _ in self._selector.select(self._seconds_to_wait()):
                    key.data()
                self._reap()
                if not self._was_announced and all(each.is_ready for each in self._workers):
                    self._was_announced = True
                    announce(reserved, server)
                self._kill_the_late()
        if self._failure is not None:
            raise WorkerFailedError(self._failure)
        return 0 if self._is_in_order else 1

    # The processes

    def _start_those_due(self) -> None:
        for worker in self._workers:
            if worker.process is None and self._ended_by is None and worker.start_at <= monotonic():
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        worker.report, writing = os.pipe()
        worker.said, worker.started_at = b"", monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal to a child that still has the handlers of its parent would be lost.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        worker.process = os.fork()
        if worker.process == 0:
            self._be_a_worker(writing, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writing)
        self._selector.register(worker.report, selectors.EVENT_READ, lambda: self._listen_to(worker))

    def _be_a_worker(self, report: int, mask: Iterable[int]) -> NoReturn:
        status = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on.
            os.close(self._own_end)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            status = self._work(report)
        except KeyboardInterrupt:
            status = _INTERRUPTED
        except BaseException:
            logger.exception("a worker has failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _work(self, report: int) -> int:
        host, port = self._address.getsockname()[:2]
        place = self._loaded.config.server.model_copy(update={"host": host, "port": port})
        try:
            app = create_app(self._loaded)
            with listen(place, shared=True) as listener:
                serve_on(listener, app, self._loaded, lambda: _say(report, READY), self._lifeline)
        except (ConfigError, PluginError, CannotListenError) as error:
            _say(report, str(error).encode(errors="backslashreplace"))
            return 1
        return 0

    def _listen_to(self, worker: Worker) -> None:
        said = os.read(worker.report, 65536)
        worker.said += said
        if not said or worker.is_ready:
            self._hang_up(worker)
        if worker.is_ready and self._was_announced:
            logger.info("%s is there", worker)

    def _hang_up(self, worker: Worker) -> None:
        if worker.report >= 0:
            self._selector.unregister(worker.report)
            os.close(worker.report)
            worker.report = -1

    # Their ends

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.process is None:
                continue
            process, status = os.waitpid(worker.process, os.WNOHANG)
            if process:
                while worker.report >= 0:
                    self._listen_to(worker)
                name, worker.process = str(worker), None
                self._ended(worker, name, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, name: str, status: int) -> None:
        why = worker.said.decode() if worker.said and not worker.is_ready else ""
        if self._ended_by is not None:
            if status not in (0, _INTERRUPTED, *(-each for each in _ENDINGS)):
                self._is_in_order = False
                logger.warning("%s has not ended in good order: %s", name, _in_words(status))
            return
        if why and not self._was_announced:  # It would be the same for each of them, again and again.
            self._failure = why
            self._end(signal.SIGTERM)
            return
        if monotonic() - worker.started_at > STEADY:
            worker.pause = FIRST_PAUSE
        worker.start_at = monotonic() + worker.pause
        logger.error(
            "%s has ended: %s. Another takes its place in %g s", name, why or _in_words(status), worker.pause
        )
        worker.said = b""
        worker.pause = min(worker.pause * 2, LONGEST_PAUSE)

    def _end(self, how: signal.Signals) -> None:
        if self._ended_by is None:
            self._kill_at = monotonic() + self._loaded.config.server.drain_timeout + GRACE
        self._ended_by = how
        for worker in self._workers:
            if worker.process is not None:
                os.kill(worker.process, how)

    def _kill_the_late(self) -> None:
        if monotonic() >= self._kill_at:
            self._kill_at = float("inf")
            for worker in self._workers:
                if worker.process is not None:
                    logger.error("%s is killed: it has not drained in time", worker)
                    os.kill(worker.process, signal.SIGKILL)

    # Waiting

    @contextlib.contextmanager
    def _signals(self) -> Generator[socket.socket]:
        ours, pythons = socket.socketpair()
        with ours, pythons:
            ours.setblocking(False)
            pythons.setblocking(False)
            handlers = {each: signal.signal(each, _noted) for each in (*_ENDINGS, signal.SIGCHLD)}
            earlier = signal.set_wakeup_fd(pythons.fileno())
            self._wakeups = ours
            try:
                yield ours
            finally:
                signal.set_wakeup_fd(earlier)
                for each, handler in handlers.items():
                    signal.signal(each, handler)

    def _take_signals(self) -> None:
        for number in self._wakeups.recv(4096):
            if number in _ENDINGS:
                self._end(signal.Signals(number))

    def _seconds_to_wait(self) -> float | None:
        times = [self._kill_at]
        if self._ended_by is None:
            times += [each.start_at for each in self._workers if each.process is None]
        soonest = min(times)
        return None if soonest == float("inf") else max(0.0, soonest - monotonic())


def _with_secret(loaded: LoadedConfig) -> LoadedConfig:
    """The config, where the workers have a secret in common."""
    server = loaded.config.server
    if server.secret is not None:
        return loaded
    server = server.model_copy(update={"secret": SecretStr(secrets.token_hex(32))})
    return replace(loaded, config=loaded.config.model_copy(update={"server": server}))


def _say(report: int, words: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(report, words)


def _noted(number: int, frame: object) -> None:
    """The number comes out of the wakeup socket."""


def _in_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"
