"""Results as a terminal, a file and benchmarks/README.md show them."""

from pathlib import Path

import msgspec

from . import chart, goals
from .paths import CHART, README, RESULTS
from .results import Run
from .tables import all_tables, remarks
from .targets import TARGETS

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def load(path: Path) -> Run:
    return msgspec.json.decode(path.read_bytes(), type=Run)


def save(run: Run, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def text(run: Run) -> str:
    tables = [*all_tables(run), *filter(None, [goals.table(run)])]
    return "\n\n".join([*[table.text() for table in tables], "\n".join(remarks(run))])


def _versions(run: Run) -> list[str]:
    lines = ["| | version | runs as |", "| --- | --- | --- |"]
    for name, version in run.versions.items():
        target = TARGETS.get(name)
        lines.append(f"| {target.title if target else name} | {version} | {target.note if target else ''} |")
    return lines


def section(run: Run) -> str:
    """The results section of README.md."""
    machine = "; ".join(f"{what}: {value}" for what, value in run.machine.items())
    lines = [
        f"Measured {run.date}, `{run.command}`: medians of {run.rounds} rounds of {run.seconds:g} s,"
        " the targets in turn, a fresh server every time. In brackets: times as good as the textbook server.",
        "",
        f"{machine}.",
        "",
        f"![Deliveries a second and server CPU per delivery]({CHART.name})",
        "",
    ]
    for table in [*filter(None, [goals.table(run)]), *all_tables(run)]:
        lines += [table.markdown(), ""]
    lines += [*_versions(run), ""]
    lines += [f"- {remark}" for remark in remarks(run)]
    return "\n".join(lines).strip()


def publish(run: Run) -> None:
    """Writes results.json, the chart, and the results section of README.md."""
    save(run, RESULTS)
    chart.save(run, CHART)
    readme = README.read_text()
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{README} lacks the markers {BEGIN} and {END}")
    README.write_text(f"{before}{BEGIN}\n\n{section(run)}\n\n{END}{after}")
