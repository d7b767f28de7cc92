"""`python -m benchmarks redis`: two nodes of each target share a Redis; what is published goes through it.

Every delivery is checked. The goal: under load, Hubbub delivers at least 10 times as much as each of the others.
Also what sizing needs: one node with a broker, and what Redis spends on a publication.
"""

import argparse
import subprocess
import sys
from datetime import UTC, datetime

from . import machine
from .clustered import (
    ACROSS,
    CARRIED,
    CLUSTERED,
    CLUSTERED_WORKLOADS,
    JUDGED,
    NATS,
    PEERS,
    REDIS,
    SIZING,
)
from .paths import BUILD, REDIS_RESULTS
from .processes import Failed, allow_many_files, available_cores, compile_programs, install_peers
from .report import machine_line, publish_section, save, version_rows
from .results import Run
from .suite import Plan, carry_out
from .tables import Table, by_target, number, remarks
from .targets import Missing, Target
from .workloads import Figure

TIMES = 10
TITLES = {workload.name: workload.title for workload in CLUSTERED_WORKLOADS}


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks redis", description=__doc__)
    parser.add_argument("--targets", metavar="A,B", help=f"only these of {', '.join(CLUSTERED)}")
    parser.add_argument("--workloads", metavar="A,B", help=f"only these of {', '.join(TITLES)}")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured each time (default 1.5)")
    parser.add_argument("--patience", type=float, default=10.0, help="wait so long for idle cores (default 10)")
    parser.add_argument("--retakes", type=int, default=1, help="of a disturbed measurement (default 1)")
    parser.add_argument("--minutes", type=float, default=40.0, help="start nothing after this long (default 40)")
    parser.add_argument("--no-setup", action="store_true", help="install nothing; skip what is missing")
    parser.add_argument("--publish", action="store_true", help="also rewrite redis.json and README.md")
    options = parser.parse_args(arguments)
    for option, known in (("targets", list(CLUSTERED)), ("workloads", list(TITLES))):
        chosen = getattr(options, option)
        setattr(options, option, chosen.split(",") if chosen else known)
        if unknown := set(getattr(options, option)) - set(known):
            parser.error(f"no {option[:-1]} is named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def _set_up(*, install: bool) -> None:
    compile_programs()
    try:
        if install:
            install_peers()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"some peers could not be installed and will be skipped: {error}", file=sys.stderr)


def _choose(names: list[str]) -> tuple[list[Target], dict[str, str], dict[str, str]]:
    """The targets that can run here, the versions of them and of their brokers, and why others cannot run."""
    targets: list[Target] = []
    versions: dict[str, str] = {}
    skipped: dict[str, str] = {}
    brokers: dict[str, str] = {}
    for target in map(CLUSTERED.__getitem__, names):
        try:
            versions[target.name] = target.version()
            if target.broker is not None:
                brokers[target.broker.name] = target.broker.version()
            targets.append(target)
        except (Missing, OSError, subprocess.CalledProcessError) as error:
            versions.pop(target.name, None)
            skipped[target.name] = str(error)
    return targets, versions | brokers, skipped


def goals(run: Run) -> Table | None:
    rows: list[list[str]] = []
    for name in JUDGED:
        for peer in PEERS:
            times = run.ratio(name, "hubbub", "deliveries_per_second", peer)
            by_cpu = run.ratio(name, "hubbub", "us_per_delivery", peer)
            if times and by_cpu:
                words = f"{TITLES[name]}: {TIMES} x {CLUSTERED[peer].title}"
                verdict = "met" if times >= TIMES else "MISSED"
                rows.append([words, f"{times:.3g} x, by CPU {by_cpu:.3g} x", verdict])
    return Table("Through Redis: goals", ["", "measured", ""], rows) if rows else None


def _sizing(run: Run) -> Table | None:
    rows: list[list[str]] = []
    for name in ("alone", "with-redis", "with-nats"):
        figures: list[Figure] = ["deliveries_per_second", "us_per_delivery", "broker_us_per_message"]
        found = [run.figure(SIZING, name, figure) for figure in figures]
        if found[0] is not None:
            cells = [number(value) if value else "-" for value in found]
            rows.append([CLUSTERED[name].title, *cells])
    columns = ["", "deliveries/s", "server CPU per delivery, µs", "broker's CPU per message, µs"]
    return Table(f"{TITLES[SIZING]}: what a broker costs", columns, rows) if rows else None


def _carried(run: Run) -> Table | None:
    rate = run.figure(CARRIED, "hubbub", "messages_per_second")
    cost = run.figure(CARRIED, "hubbub", "broker_us_per_message")
    if not rate or not cost:
        return None
    row = [TITLES[CARRIED], number(rate), f"{cost:.3g}", number(1e6 / cost)]
    columns = ["", "messages/s, all on one core", "Redis's CPU per message, µs", "messages/s for a core of Redis"]
    note = (
        "The last is calculated. Where fewer messages are under way at once, each costs Redis more: see across-1."
    )
    return Table("What one Redis carries", columns, [row], note)


def _tables(run: Run) -> list[Table]:
    across = [name for name in ACROSS if any(sample.workload == name for sample in run.samples)]
    found = [
        goals(run),
        by_target(run, "Through Redis: deliveries per second, two nodes and Redis on one core", across,
                  "deliveries_per_second", TITLES.__getitem__),
        by_target(run, "Through Redis: CPU of both nodes per delivery, µs", across, "us_per_delivery",
                  TITLES.__getitem__),
        by_target(run, "Through Redis: CPU of Redis per message, µs", across, "broker_us_per_message",
                  TITLES.__getitem__),
        by_target(run, "Through Redis: median latency, µs", across, "p50_us", TITLES.__getitem__),
        _sizing(run),
        _carried(run),
    ]  # fmt: skip
    return [table for table in found if table is not None]


def section(run: Run) -> str:
    """The results of this run in README.md."""
    lines = [
        f"Measured {run.date}, `{run.command}`: medians of {run.rounds} rounds of {run.seconds:g} s, the targets"
        " in turn, fresh servers every time. In brackets: times as good as the textbook server.",
        "",
        machine_line(run),
        "",
    ]
    for table in _tables(run):
        lines += [table.markdown(), ""]
    lines += [*version_rows(run, {**CLUSTERED, REDIS.name: REDIS, NATS.name: NATS}), ""]
    lines += [f"- {remark}" for remark in remarks(run)]
    return "\n".join(lines).strip()


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    try:
        _set_up(install=not options.no_setup)
    except Failed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    targets, versions, skipped = _choose(options.targets)
    run = Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        command=" ".join(["python -m benchmarks redis", *arguments]),
        machine=machine.describe(), versions=versions, skipped=skipped,
        rounds=options.rounds, seconds=options.seconds, samples=[],
    )  # fmt: skip
    plan = Plan(
        [workload for workload in CLUSTERED_WORKLOADS if workload.name in options.workloads], targets, False,
        options.rounds, options.seconds, available_cores(), limit=options.minutes * 60,
        patience=options.patience, retakes=options.retakes,
    )  # fmt: skip
    allow_many_files()
    try:
        carry_out(plan, run)
    except KeyboardInterrupt:
        print("\ninterrupted: what was measured until now follows, and is not published", file=sys.stderr)
        options.publish = False
    print("\n\n".join([*[table.text() for table in _tables(run)], "\n".join(remarks(run))]))
    save(run, BUILD / "redis.json")
    if options.publish:
        save(run, REDIS_RESULTS)
        publish_section("redis", section(run))
    own = [sample for sample in run.samples if CLUSTERED[sample.target].version is CLUSTERED["hubbub"].version]
    return int(any(sample.problem or (sample.measurement and sample.measurement.faults()) for sample in own))
