"""Builds, starts, pins and ends what a run needs; nothing that this file did not start is ever ended."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from .paths import BUILD, HERE, NODE_MODULES, PEERS, PEERS_PYTHON, PEERS_VENV, REQUIREMENTS
from .results import Measurement
from .targets import Start, Target
from .workloads import Workload

START_SECONDS = 20.0
STOP_SECONDS = 3.0
CONTENT_BYTES = 128


class Failed(Exception):
    """A server or the generator did not do its part; the text says which and shows the end of its log."""


def available_cores() -> tuple[int, int]:
    """The server's core and the generator's: the first and the last that this process may use."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def compile_programs() -> None:
    """The load generator and the C peer, into the build folder. Raises Failed with the compiler's words."""
    BUILD.mkdir(exist_ok=True)
    sources = sorted((HERE / "load").glob("*.c"))
    for output, files, libraries in (
        ("load", sources, ["-lz"]),
        ("write_per_delivery", [PEERS / "write_per_delivery.c"], []),
    ):
        command = ["cc", "-O2", "-Wall", "-o", str(BUILD / output), *map(str, files), *libraries]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise Failed("a C compiler is needed (Debian: apt-get install gcc libc6-dev zlib1g-dev)") from error
        if done.returncode:
            raise Failed(f"cc failed (zlib's headers are needed: zlib1g-dev):\n{done.stderr}")


def install_peers() -> None:
    """The peers' packages, into a venv of their own and node_modules; a no-op when they are there as pinned."""
    stamp = PEERS_VENV / "installed.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"installing the peers into {PEERS_VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEERS_VENV], check=True)
        pip = [PEERS_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
        shutil.copyfile(REQUIREMENTS, stamp)
    if shutil.which("npm") and not (NODE_MODULES / "ws").exists():
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        subprocess.run(npm, cwd=HERE, check=True)


def allow_many_files() -> None:
    """Servers inherit it: 5,000 connections need more than the usual 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _pinned(core: int) -> list[str]:
    # A server of a runner that was killed ends too, where setpriv knows how.
    dying = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    return [*dying, "taskset", "--cpu-list", str(core)]


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"{name} ended with status {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"{name} did not listen on port {port} within {START_SECONDS:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks, waits, then kills the process group, which is the server's own."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running(target: Target, deflate: bool, core: int, broker_port: int = 0) -> Generator[tuple[int, int]]:
    """Runs the server on one core; gives its port and process id. Raises Failed if it does not come up."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{target.name}-") as folder:
        port, log = _free_port(), Path(folder) / "server.log"
        command = [*_pinned(core), *target.command(Start(port, Path(folder), deflate, broker_port))]
        environment = {**os.environ, **target.environment}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=environment,
                start_new_session=True,
            )  # fmt: skip
        try:
            _wait_until_it_listens(process, port, target.title)
            yield port, process.pid
        except Failed as failure:
            raise Failed(f"{failure}\n{target.title} wrote: {_end_of(log) or 'nothing'}") from failure
        finally:
            _end(process)


def _family(pid: int) -> list[int]:
    """The process and its children, all the way down."""
    family = [pid]
    for parent in family:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            family += [int(child) for child in children.read_text().split()]
    return family


def _families(servers: list[tuple[int, int]]) -> str:
    return ",".join(str(member) for _, pid in servers for member in _family(pid))


def measure(
    target: Target, workload: Workload, seconds: float, rate: float, cores: tuple[int, int]
) -> Measurement:
    """The servers of a workload, one load, one measurement. Raises Failed if any did not do its part.

    What is between the servers shares their core.
    """
    template = target.template.replace("$SIZE", str(CONTENT_BYTES))
    with ExitStack() as running_servers:
        broker: list[tuple[int, int]] = []
        if target.broker is not None:
            broker.append(running_servers.enter_context(running(target.broker, False, cores[0])))
        nodes = [
            running_servers.enter_context(
                running(target, workload.deflate, cores[0], broker[0][0] if broker else 0)
            )
            for _ in range(workload.nodes)
        ]
        command = [
            *_pinned(cores[1]), str(BUILD / "load"), "--port", ",".join(str(port) for port, _ in nodes),
            "--path", target.path, "--template", template, "--size", str(CONTENT_BYTES), *target.dialect,
            "--seconds", f"{seconds:g}", "--server", _families(nodes), "--broker", _families(broker),
            "--cores", f"{cores[0]},{cores[1]}", *workload.arguments.split(),
            *(["--rate", f"{rate:.3f}"] if rate else []),
        ]  # fmt: skip
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, complaints = load.communicate(timeout=seconds + 180)
        except subprocess.TimeoutExpired as error:
            raise Failed("the load generator did not end") from error
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()
        if load.returncode not in (0, 3):
            words = complaints.decode(errors="replace").strip()
            raise Failed(words or f"the load generator ended with status {load.returncode}")
    return msgspec.json.decode(output, type=Measurement)
