"""`python -m benchmarks micro`: runs them in this process and shows microseconds of CPU an event."""

import subprocess
import sys

import msgspec

from ..paths import BUILD, MICRO, MICRO_PACKAGES
from ..tables import Table, number

GOAL_US = 3.0
GOAL_NAME = "bench_receive"
REQUIREMENTS = MICRO / "requirements.txt"


class _Stats(msgspec.Struct):
    min: float
    median: float
    rounds: int
    iterations: int


class _Extra(msgspec.Struct):
    title: str
    events: int = 1


class _Result(msgspec.Struct):
    name: str
    stats: _Stats
    extra_info: _Extra

    def microseconds(self, seconds: float) -> float:
        return seconds * 1e6 / self.extra_info.events


class _Report(msgspec.Struct):
    benchmarks: list[_Result]


def _install() -> None:
    """Apart from Hubbub's own environment, whose packages come first where both have one."""
    stamp = MICRO_PACKAGES / "installed.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"installing pytest-benchmark into {MICRO_PACKAGES}", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        subprocess.run([*pip, "--target", MICRO_PACKAGES, "-r", REQUIREMENTS], check=True)
        stamp.write_text(REQUIREMENTS.read_text())
    sys.path.append(str(MICRO_PACKAGES))


def _table(results: list[_Result]) -> Table:
    rows = [
        [
            result.extra_info.title,
            number(result.microseconds(result.stats.median)),
            number(result.microseconds(result.stats.min)),
            f"{result.stats.rounds} x {result.extra_info.events * result.stats.iterations}",
        ]
        for result in results
    ]
    return Table("CPU of this process, µs for each", ["", "median", "minimum", "rounds"], rows)


def _goal(results: list[_Result]) -> str:
    """Judged by the median; a busy machine slows the CPU itself down, so the minimum is shown as well."""
    for result in results:
        if result.name == GOAL_NAME:
            median, least = (result.microseconds(value) for value in (result.stats.median, result.stats.min))
            verdict = "met" if median < GOAL_US else "MISSED"
            return (
                "One event through the pipeline with five plugins, decode and encode included, "
                f"under {GOAL_US:g} µs: {verdict} ({median:.2f}, at best {least:.2f})"
            )
    return ""


def main(arguments: list[str]) -> int:
    """Run them with these arguments for pytest, such as ``-k decode``; return pytest's exit status."""
    _install()
    import pytest  # of Hubbub's own environment where that has it, or else what was just installed

    BUILD.mkdir(exist_ok=True)
    results = BUILD / "micro.json"
    results.unlink(missing_ok=True)
    quietly = ["--quiet", "--benchmark-quiet", f"--benchmark-json={results}"]
    status = int(pytest.main([*quietly, *arguments, str(MICRO)]))
    if results.exists() and results.stat().st_size:
        report = msgspec.json.decode(results.read_bytes(), type=_Report)
        print("\n\n".join([_table(report.benchmarks).text(), _goal(report.benchmarks)]))
    return status
