"""`python -m benchmarks`: runs Hubbub and its peers in turn on loopback and prints the tables.

`python -m benchmarks micro` runs the micro-benchmarks instead; in `redis` two nodes of each share a Redis; `kill`,
`recovery` and `history` show what history costs and what it is worth; in `chaos` parts of a cluster go away.
Each of them has a --help.
"""

import argparse
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from . import chaos, chart, history, kill, machine, recovery, redis, report
from .micro import run as micro
from .paths import BUILD
from .processes import Failed, allow_many_files, available_cores, compile_programs, install_peers
from .results import Run
from .suite import Plan, carry_out
from .targets import TARGETS, Missing, Target
from .workloads import WORKLOADS, select

OTHERS = {
    "micro": micro.main,
    "kill": kill.main,
    "recovery": recovery.main,
    "history": history.main,
    "redis": redis.main,
    "chaos": chaos.main,
}


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--targets", metavar="A,B", help="only these (default: all that are installed)")
    parser.add_argument("--workloads", metavar="A,B", default="all", help="names or groups (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured each time (default 1.5)")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it all work?")
    parser.add_argument("--patience", type=float, default=10.0, help="wait so long for idle cores (default 10)")
    parser.add_argument("--retakes", type=int, default=1, help="of a disturbed measurement (default 1)")
    parser.add_argument("--minutes", type=float, default=40.0, help="start nothing after this long (default 40)")
    parser.add_argument("--output", type=Path, default=BUILD / "results.json", help="where the results go")
    parser.add_argument(
        "--publish", action="store_true", help="also rewrite results.json, chart.svg and README.md"
    )
    parser.add_argument("--render", type=Path, metavar="FILE", help="measure nothing: show these results")
    parser.add_argument("--list", action="store_true", help="targets and workloads, then end")
    parser.add_argument("--setup", action="store_true", help="install the peers and compile, then end")
    parser.add_argument("--no-setup", action="store_true", help="install nothing; skip what is missing")
    return parser.parse_args(arguments)


def _list() -> None:
    for target in TARGETS.values():
        try:
            state = target.version()
        except Missing as missing:
            state = f"cannot run: {missing}"
        print(f"{target.name:12} {target.title}: {target.note}\n{'':12} {state}")
    print()
    for workload in WORKLOADS.values():
        print(f"{workload.name:16} {workload.group:8} {workload.title}")


def _set_up(install: bool) -> None:
    compile_programs()
    if not install:
        return
    try:
        install_peers()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"some peers could not be installed and will be skipped: {error}", file=sys.stderr)


def _choose(names: str | None) -> tuple[list[Target], dict[str, str], dict[str, str]]:
    """The targets that can run here, their versions, and why the others cannot."""
    chosen = names.split(",") if names else list(TARGETS)
    versions: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for name in chosen:
        if name not in TARGETS:
            raise ValueError(f"no target is named {name!r}; there are {', '.join(TARGETS)}")
        try:
            versions[name] = TARGETS[name].version()
        except (Missing, OSError, subprocess.CalledProcessError) as error:
            skipped[name] = str(error)
    return [TARGETS[name] for name in versions], versions, skipped


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace, arguments: list[str]) -> Run:
    workloads = select(options.workloads.split(","))
    _set_up(install=not options.no_setup)
    targets, versions, skipped = _choose(options.targets)
    if options.quick:
        options.rounds, options.seconds, options.patience, options.retakes = 1, 1.0, 0.0, 0
    rounds, seconds, cores = options.rounds, options.seconds, available_cores()
    plan = Plan(
        workloads, targets, bool(options.targets) and options.workloads != "all", rounds, seconds, cores,
        limit=options.minutes * 60, patience=options.patience, retakes=options.retakes,
    )  # fmt: skip
    run = Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d"), command=" ".join(["python -m benchmarks", *arguments]),
        machine=machine.describe(), versions=versions, skipped=skipped, rounds=rounds, seconds=seconds, samples=[],
    )  # fmt: skip
    print(f"{plan.count()} measurements, about {plan.estimate() / 60:.0f} minutes", file=sys.stderr)
    if cores[0] == cores[1]:
        print("only one core: server and generator share it, and the rates mean little", file=sys.stderr)
    allow_many_files()
    try:
        carry_out(plan, run)
    except KeyboardInterrupt:
        print("\ninterrupted: what was measured until now follows, and is not published", file=sys.stderr)
        options.publish = False
    return run


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in OTHERS:
        return OTHERS[arguments[0]](arguments[1:])
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.list:
            _list()
            return 0
        if options.setup:
            _set_up(install=True)
            return 0
        run = report.load(options.render) if options.render else _measure(options, arguments)
    except (ValueError, Failed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print(report.text(run))
    if not options.render:
        report.save(run, options.output)
        chart.save(run, options.output.with_suffix(".svg"))
    if options.publish:
        report.publish(run)
    own = [sample for sample in run.samples if sample.target == "hubbub"]
    return int(any(sample.problem or (sample.measurement and sample.measurement.faults()) for sample in own))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
