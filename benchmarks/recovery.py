"""`python -m benchmarks recovery`: many clients come back at once after a restart, and get what they have missed.

Says how long that takes, and what others who talk meanwhile feel of it, beside the same with nothing to recover.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from .processes import allow_many_files, available_cores

HERE = Path(__file__).parent.parent
LIVE = 20
QUIET_SECONDS = 2.0


@dataclass
class Return:
    """One time that all came back."""

    seconds: float
    quiet: list[float]
    """The delays of those who talked before, in seconds, shortest first."""
    meanwhile: list[float]


@dataclass
class Findings:
    returns: list[Return] = field(default_factory=list[Return])
    faults: list[str] = field(default_factory=list[str])


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks recovery", description=__doc__)
    parser.add_argument("--clients", type=int, default=1000, help="default 1000")
    parser.add_argument("--rooms", type=int, default=10, help="in so many rooms (default 10)")
    parser.add_argument("--missed", type=int, default=100, help="events that each of them missed (default 100)")
    parser.add_argument("--durability", choices=("full", "normal"), default="normal", help="default normal")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    return parser.parse_args(arguments)


@contextmanager
def _live(url: str, core: int) -> Generator[list[tuple[float, float]]]:
    """Twenty people who talk in rooms of their own; afterwards, when they said something and how long it took."""
    delays: list[tuple[float, float]] = []
    command = [
        "taskset",
        "--cpu-list",
        str(core),
        sys.executable,
        "-m",
        "tests.faults.live_traffic",
        url,
        str(LIVE),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
    try:
        yield delays
        delays += map(tuple, json.loads(process.communicate("\n", timeout=60)[0]))
    finally:
        process.kill()
        process.wait()


async def _round(options: argparse.Namespace, folder: Path, cores: tuple[int, int], *, resume: bool) -> Findings:
    from tests.faults.killing import RestartedServer
    from tests.faults.returning_crowd import ReturningCrowd

    hubbub = ("taskset", "--cpu-list", str(cores[0]), sys.executable, "-m", "hubbub.core.cli")
    server = RestartedServer(folder, {"store": "sqlite", "durability": options.durability}, command=hubbub)
    members = options.clients // options.rooms
    crowd = ReturningCrowd(server.url, rooms=options.rooms, members=members, missed=options.missed)
    try:
        await crowd.come()
        await crowd.miss_something()
        server.kill()
        server.start()
        with _live(server.url(), cores[1]) as delays:
            os.nice(10)  # Those who talk meanwhile are not to wait here for those who come back.
            await asyncio.sleep(QUIET_SECONDS)
            began = time.monotonic()
            seconds = await crowd.come_back(resume=resume)
            ended = time.monotonic()
        await crowd.vanish()
    finally:
        server.now.stop()
    quiet = sorted(delay for at, delay in delays if began - QUIET_SECONDS / 2 <= at < began)
    meanwhile = sorted(delay for at, delay in delays if began <= at < ended)
    return Findings([Return(seconds, quiet, meanwhile)], crowd.faults() if resume else [])


def _in_a_process_of_its_own(options: argparse.Namespace, cores: tuple[int, int], resume: bool) -> Findings:
    os.sched_setaffinity(0, {cores[1]})
    with tempfile.TemporaryDirectory(prefix="bench-recovery-") as folder:
        return asyncio.run(_round(options, Path(folder), cores, resume=resume))


def _quantile(delays: list[float], share: float) -> float:
    return 1000 * delays[min(len(delays) - 1, int(share * len(delays)))] if delays else float("nan")


def _show(title: str, findings: Findings) -> None:
    def middle(which: str, share: float) -> str:
        return f"{median(_quantile(getattr(each, which), share) for each in findings.returns):8.1f}"

    seconds = [each.seconds for each in findings.returns]
    print(f"{title:34} {median(seconds):6.2f} s  ", end="")
    print(*(middle(which, share) for which in ("quiet", "meanwhile") for share in (0.5, 0.99, 1.0)))


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    cores = available_cores()
    allow_many_files()
    findings = {True: Findings(), False: Findings()}
    for number in range(2 * options.rounds):
        resume = number % 2 == 0
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found = process.submit(_in_a_process_of_its_own, options, cores, resume).result()
        findings[resume].returns += found.returns
        findings[resume].faults += found.faults
    where = f"{options.clients} clients in {options.rooms} rooms"
    print(f"{where} come back after a restart; sqlite, {options.durability}")
    print(f"{'':34} {'all back':>8}   delay of {LIVE} others, ms: before, and meanwhile")
    print(f"{'':45}" + 2 * f"{'p50':>9}{'p99':>9}{'longest':>9}")
    _show(f"with {options.missed} missed events each", findings[True])
    _show("with nothing to recover", findings[False])
    for fault in findings[True].faults[:20]:
        print(f"! {fault}")
    return int(bool(findings[True].faults))
