"""Results as a terminal, a file and benchmarks/README.md show them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from . import chart, goals
from .paths import CHART, README, RESULTS
from .results import Run
from .tables import all_tables, remarks
from .targets import TARGETS, Target


def load(path: Path) -> Run:
    return msgspec.json.decode(path.read_bytes(), type=Run)


def save(run: Run, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def text(run: Run) -> str:
    tables = [*all_tables(run), *filter(None, [goals.table(run)])]
    return "\n\n".join([*[table.text() for table in tables], "\n".join(remarks(run))])


def version_rows(run: Run, targets: Mapping[str, Target]) -> list[str]:
    lines = ["| | version | runs as |", "| --- | --- | --- |"]
    for name, version in run.versions.items():
        target = targets.get(name)
        lines.append(f"| {target.title if target else name} | {version} | {target.note if target else ''} |")
    return lines


def machine_line(run: Run) -> str:
    return "; ".join(f"{what}: {value}" for what, value in run.machine.items()) + "."


def section(run: Run) -> str:
    """The results section of README.md."""
    lines = [
        f"Measured {run.date}, `{run.command}`: medians of {run.rounds} rounds of {run.seconds:g} s,"
        " the targets in turn, a fresh server every time. In brackets: times as good as the textbook server.",
        "",
        machine_line(run),
        "",
        f"![Deliveries a second and server CPU per delivery]({CHART.name})",
        "",
    ]
    for table in [*filter(None, [goals.table(run)]), *all_tables(run)]:
        lines += [table.markdown(), ""]
    lines += [*version_rows(run, TARGETS), ""]
    lines += [f"- {remark}" for remark in remarks(run)]
    return "\n".join(lines).strip()


def publish(run: Run) -> None:
    """Writes results.json, the chart, and the results section of README.md."""
    save(run, RESULTS)
    chart.save(run, CHART)
    publish_section("results", section(run))


def publish_section(name: str, text: str) -> None:
    """Put ``text`` between the markers of that name in README.md. Raise ValueError where they are missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = README.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{README} lacks the markers {begin} and {end}")
    README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
