"""`python -m benchmarks history`: W1b without history, and with each of the stores that need no server, in turn.

The goals: memory within 30 % of what it is without, sqlite, as what outlives kill -9, within 50 %. What outlives a
power failure waits for the disk at each step, and has no goal.
"""

import argparse
import sys
from datetime import UTC, datetime

from . import machine
from .paths import BUILD
from .processes import Failed, allow_many_files, available_cores, compile_programs
from .report import save
from .results import Run
from .suite import Plan, carry_out
from .tables import Table, number, remarks
from .targets import TARGETS, Target, hubbub_with
from .workloads import Figure, select

WITHOUT = "without"
STORES: dict[str, dict[str, object]] = {
    "memory": {"store": "memory"},
    "sqlite-normal": {"store": "sqlite", "durability": "normal"},
    "sqlite-full": {"store": "sqlite", "durability": "full"},
}
GOALS = {"memory": 1 / 0.7, "sqlite-normal": 1 / 0.5}
"""How many times as much a publication may cost as without history."""


def _target(name: str, history: dict[str, object] | None) -> Target:
    hubbub = TARGETS["hubbub"]
    command = hubbub_with(lambda _: {} if history is None else {"history": history})
    return Target(name, name, "", command, hubbub.version, dialect=hubbub.dialect)


def _table(run: Run) -> Table:
    columns = ["", "messages/s", "of without", "server CPU, µs a message", "times without", "goal"]
    rows = [_row(run, name) for name in (WITHOUT, *STORES)]
    return Table("W1b, 1 room x 100, 16 in flight: what history costs", columns, rows)


def _row(run: Run, name: str) -> list[str]:
    def figure(of: str, which: Figure) -> float:
        found = run.figure("W1b", of, which)
        return float("nan") if found is None else found

    rate, cost = figure(name, "deliveries_per_second") / 100, figure(name, "us_per_delivery") * 100
    share = figure(name, "deliveries_per_second") / figure(WITHOUT, "deliveries_per_second")
    times = figure(name, "us_per_delivery") / figure(WITHOUT, "us_per_delivery")
    goal = GOALS.get(name)
    verdict = (
        "" if goal is None else f"{'met' if times <= goal and share >= 1 / goal else 'MISSED'}: {1 / goal:.0%}"
    )
    return [name, number(rate), f"{share:.0%}", f"{cost:.1f}", f"{times:.2f}", verdict]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks history", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured each time (default 1.5)")
    parser.add_argument("--patience", type=float, default=10.0, help="wait so long for idle cores (default 10)")
    options = parser.parse_args(arguments)
    targets = [_target(WITHOUT, None), *(_target(name, history) for name, history in STORES.items())]
    workloads, cores = select(["W1b"]), available_cores()
    run = Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        command=" ".join(["python -m benchmarks history", *arguments]),
        machine=machine.describe(), versions={target.name: target.version() for target in targets}, skipped={},
        rounds=options.rounds, seconds=options.seconds, samples=[],
    )  # fmt: skip
    plan = Plan(
        workloads, targets, True, options.rounds, options.seconds, cores, limit=3600, patience=options.patience
    )
    allow_many_files()
    try:
        compile_programs()
        carry_out(plan, run)
    except Failed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print("\n".join([_table(run).text(), *remarks(run)]))
    save(run, BUILD / "history.json")
    return int(
        any(sample.problem or (sample.measurement and sample.measurement.faults()) for sample in run.samples)
    )
