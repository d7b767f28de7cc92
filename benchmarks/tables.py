"""A run as tables: what the terminal shows and what README.md holds."""

from collections.abc import Callable
from dataclasses import dataclass

from .clustered import CLUSTERED
from .results import Run
from .targets import TARGETS
from .workloads import COMPARED, SIZES, WORKLOADS, Figure

FANOUT = ["W1a", "W1b", "W2", "W3", "W4a", "W4b", "W4c"]


@dataclass
class Table:
    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""

    def text(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in (self.columns, *self.rows)]
        return "\n".join([self.title, "", *lines, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        head = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)]]
        lines = ["| " + " | ".join(row) + " |" for row in (*head, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, *(["", self.note] if self.note else [])])


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def number(value: float) -> str:
    """Three digits that count, and words for large ones: 6.21 M, 402 k, 12.6, 0.16."""
    for divisor, unit in ((1e6, " M"), (1e3, " k")):
        if value >= divisor * 0.9995:
            return f"{value / divisor:.3g}{unit}" if value < divisor * 100 else f"{value / divisor:.0f}{unit}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _title(target: str) -> str:
    known = TARGETS.get(target) or CLUSTERED.get(target)
    return known.title if known else target


def _marks(run: Run, workload: str, target: str) -> str:
    measurements = run.measurements(workload, target)
    faulty = any(measurement.faults() for measurement in measurements)
    limited = any(measurement.load_was_the_limit() for measurement in measurements)
    return " !" * faulty + " *" * limited


def _cell(run: Run, workload: str, target: str, figure: Figure, ratio: bool = True) -> str:
    value = run.figure(workload, target, figure)
    if value is None:
        return "-"
    times = run.ratio(workload, target, figure)
    shown = f" ({times:.3g} x)" if ratio and times and target != "textbook" else ""
    return f"{number(value)}{shown}{_marks(run, workload, target)}"


def _taken(run: Run, workloads: list[str]) -> list[str]:
    return [name for name in workloads if any(sample.workload == name for sample in run.samples)]


def by_target(
    run: Run, title: str, workloads: list[str], figure: Figure, heading: Callable[[str], str] = str
) -> Table | None:
    workloads = _taken(run, workloads)
    targets = run.targets_of(workloads)
    if not workloads or not targets:
        return None
    rows = [[_title(target), *[_cell(run, name, target, figure) for name in workloads]] for target in targets]
    return Table(title, ["", *map(heading, workloads)], rows)


def _connections(run: Run) -> Table | None:
    columns: list[tuple[str, str, Figure]] = [
        ("CPU from handshake to welcome, µs", "connect", "connect_cpu_us"),
        ("KiB per idle connection", "W5", "kib_per_connection"),
    ]
    targets = run.targets_of(["connect", "W5"])
    if not targets:
        return None
    rows = [
        [_title(target), *[_cell(run, name, target, figure) for _, name, figure in columns]] for target in targets
    ]
    return Table("Connections", ["", *[title for title, _, _ in columns]], rows)


def _latency(run: Run, title: str, workloads: list[str]) -> Table | None:
    targets = [target for target in run.targets_of(workloads) if target in COMPARED] or run.targets_of(workloads)
    rows: list[list[str]] = []
    for name in _taken(run, workloads):
        row = [WORKLOADS[name].title]
        for target in targets:
            rate = run.figure(name, target, "deliveries_per_second")
            row.append("-" if rate is None else number(rate))
            row += [_cell(run, name, target, figure, ratio=False) for figure in WORKLOADS[name].figures]
        rows.append(row)
    if not rows:
        return None
    heads = [f"{_title(target)} {what}" for target in targets for what in ("deliveries/s", "p50 µs", "p99 µs")]
    return Table(title, ["", *heads], rows)


def _deflate(run: Run) -> Table | None:
    rows: list[list[str]] = []
    for target in run.targets_of(["deflate"]):
        for name, title in (("W1b", "off"), ("deflate", "on")):
            measured = run.measurements(name, target)
            if not measured:
                continue
            size = sum(each.bytes for each in measured) / max(1, sum(each.deliveries for each in measured))
            used = title if name == "W1b" or all(each.deflate for each in measured) else "declined"
            cells = [_cell(run, name, target, figure) for figure in WORKLOADS["deflate"].figures]
            rows.append([f"{_title(target)}, {used}", *cells, f"{size:.0f}"])
    if not rows:
        return None
    return Table("permessage-deflate", ["", "deliveries/s", "CPU per delivery, µs", "bytes per delivery"], rows)


def _sizes(prefix: str) -> list[str]:
    return [f"{prefix}-{size}" for size in SIZES]


def _members(workload: str) -> str:
    return f"{int(workload.split('-')[1]):,} members"


def all_tables(run: Run) -> list[Table]:
    paced = [name for name, workload in WORKLOADS.items() if workload.group == "sparse"]
    slow = [name for name, workload in WORKLOADS.items() if workload.group == "slow"]
    tables = [
        by_target(run, "Server CPU per delivery, µs", FANOUT, "us_per_delivery"),
        by_target(run, "Deliveries per second, one core", FANOUT, "deliveries_per_second"),
        _connections(run),
        by_target(run, "Server CPU per delivery, µs, 16 in flight", _sizes("cost"), "us_per_delivery", _members),
        by_target(run, "Server CPU per delivery, µs, 1 in flight", _sizes("single"), "us_per_delivery", _members),
        _latency(run, "Sparse traffic", paced),
        _latency(run, "Slow consumers: latency of the other members", slow),
        _latency(run, "Fairness: latency in other rooms while a broadcast goes out", ["fairness"]),
        _deflate(run),
    ]
    return [table for table in tables if table is not None]


def remarks(run: Run) -> list[str]:
    """What a reader must know of this run: faults, failures, limits, noise, and who was skipped."""
    said = [f"{_title(name)} was skipped: {reason}." for name, reason in run.skipped.items()]
    for sample in run.samples:
        place = f"{sample.workload}, round {sample.round}, {_title(sample.target)}"
        if sample.problem:
            said.append(f"{place}: {sample.problem}")
        elif sample.measurement and (faults := sample.measurement.faults()):
            said.append(f"! {place}: " + ", ".join(f"{count:,} {name}" for name, count in faults.items()))
    measured = [sample.measurement for sample in run.samples if sample.measurement]
    if any(measurement.load_was_the_limit() for measurement in measured):
        said.append("* The load generator had no time left and the server had: the server could do at least this.")
    noisy = sum(measurement.server_core_others > 0.05 for measurement in measured)
    if noisy:
        said.append(
            f"In {noisy} of {len(measured)} measurements something else used over 5 % of the server's core."
        )
    return list(dict.fromkeys(said))
