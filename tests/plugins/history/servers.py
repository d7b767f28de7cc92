"""Databases in a folder of their own, reached by a socket in it or a free port, which a test may stop and kill."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
import redis as client

from ...end_to_end.kept_port import KeptPort

DEBIAN_BINARIES = "/usr/lib/postgresql/*/bin"


def find_program(name: str) -> str:
    """The path of a server's program; without it the test fails in CI, and is skipped elsewhere."""
    found = shutil.which(name)
    if found is None:
        found = next(
            (str(path / name) for path in sorted(Path("/").glob(DEBIAN_BINARIES[1:]), reverse=True)), None
        )
    if found is None or not Path(found).exists():
        reason = f"{name} is not installed: apt install {name if name.endswith('-server') else 'postgresql'}"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    return found


class Server(ABC):
    """One server process, which may end and start again."""

    ready: str
    """What it writes when it takes connections."""

    def __init__(self) -> None:
        # Not below pytest's own folder: PostgreSQL does not run as root, and others may not look into that one.
        self.folder = Path(tempfile.mkdtemp(prefix="hubbub-"))
        self.process: subprocess.Popen[str] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    def user(self) -> str | None:
        return None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            user=self.user(),
            cwd=self.folder,
        )
        log: list[str] = []
        is_ready = threading.Event()
        threading.Thread(target=self._follow, args=(self.process, log, is_ready), daemon=True).start()
        if not is_ready.wait(30) or self.ready not in log[-1]:
            self.remove()
            pytest.fail("".join(["the server did not start\n", *log]))

    def _follow(self, process: subprocess.Popen[str], log: list[str], is_ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if not is_ready.is_set():
                    log.append(line)
                    if self.ready in line:
                        is_ready.set()
        is_ready.set()

    def freeze(self) -> None:
        """Let it answer nobody, and keep its connections."""
        for process in self.processes():
            os.kill(process, signal.SIGSTOP)

    def unfreeze(self) -> None:
        for process in self.processes():
            os.kill(process, signal.SIGCONT)

    def processes(self) -> list[int]:
        assert self.process is not None
        process = self.process.pid
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [process, *map(int, children)]

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends it, and wait until it has ended."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def stop(self) -> None:
        self.end(signal.SIGINT)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    ready = "ready to accept connections"

    def __init__(self) -> None:
        initdb, self.program = find_program("initdb"), find_program("postgres")
        super().__init__()
        self.data = self.folder / "data"
        if (user := self.user()) is not None:
            shutil.chown(self.folder, user)
        subprocess.run(
            [
                initdb,
                "-D",
                self.data,
                "--auth",
                "trust",
                "--username",
                "hubbub",
                "--encoding",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user(),
            cwd=self.folder,
        )
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user=hubbub"

    def user(self) -> str | None:
        return pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None

    def command(self) -> Sequence[str]:
        settings = ["listen_addresses=", "fsync=off", "max_connections=20", "shared_buffers=16MB"]
        options = [word for setting in settings for word in ("-c", setting)]
        return [self.program, "-D", str(self.data), "-k", str(self.folder), *options]

    def kill(self) -> None:
        """Kill the postmaster, and with it all that it has forked, which would keep the next one from starting."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGSTOP)  # It must not fork meanwhile.
        os.waitpid(self.process.pid, os.WUNTRACED)
        for child in map(os.pidfd_open, self.processes()[1:]):
            signal.pidfd_send_signal(child, signal.SIGKILL)
            select.select([child], [], [], 30)  # Readable once it has ended.
            os.close(child)
        super().kill()


class Redis(Server):
    ready = "eady to accept connections"

    def __init__(self, program: str = "redis-server") -> None:
        self.program = find_program(program)
        super().__init__()
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/socket"

    def command(self) -> Sequence[str]:
        appending = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        return [
            self.program,
            "--port",
            "0",
            "--unixsocket",
            f"{self.folder}/socket",
            "--dir",
            str(self.folder),
            *appending,
        ]


class RedisOnPort(Redis):
    """A Redis that is reached by TCP as well, and comes back where it was."""

    def __init__(self, *arguments: str) -> None:
        self._kept_port = KeptPort()
        self.port = self._kept_port.number
        self.arguments = arguments
        super().__init__()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        program, _, _, *others = super().command()
        return [program, "--bind", "127.0.0.1", "--port", str(self.port), *others, *self.arguments]


class Nats(Server):
    """A NATS on a port of its own."""

    ready = "Server is ready"

    def __init__(self, *arguments: str) -> None:
        self.program = find_program("nats-server")
        super().__init__()
        self.arguments = arguments
        self._kept_port = KeptPort()
        self.port = self._kept_port.number
        self.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return [self.program, "-a", "127.0.0.1", "-p", str(self.port), *self.arguments]


class JetStream(Nats):
    """A NATS that keeps its streams in the folder."""

    def command(self) -> Sequence[str]:
        return [*super().command(), "-js", "-sd", str(self.folder)]


def send(redis: Redis, *words: str | int) -> object:
    """What Redis answers to a command."""
    # The client's own types leave open what goes in and what comes back.
    with client.Redis.from_url(redis.url) as connection:  # pyright: ignore[reportUnknownMemberType]
        return cast(object, connection.execute_command(*words))  # pyright: ignore[reportUnknownMemberType]
