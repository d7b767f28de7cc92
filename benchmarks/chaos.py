"""`python -m benchmarks chaos`: three servers with hundreds of clients, while parts of the cluster go away.

A server, the broker, or the network between them is killed, frozen or cut. Says what of all that clients were told
was lost, doubled or out of order, and how long it took until all could go on and every server knew who is where.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.clusters.chaos.engines import Engine
    from tests.clusters.chaos.stage import Findings

NAMES = ("steady", "node", "killed", "frozen", "partition")
STORES = {"redis": ("redis", "none"), "nats": ("jetstream", "redis", "postgres", "none")}
SHOWN = 20
"""Faults."""


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__)
    parser.add_argument("--broker", choices=tuple(STORES), default="redis", help="default redis")
    parser.add_argument(
        "--store", help="of the history: redis with redis; jetstream, redis or postgres with nats; none"
    )
    parser.add_argument("--scenario", metavar="A,B", default=",".join(NAMES), help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=300, help="default 300")
    parser.add_argument("--rooms", type=int, default=30, help="default 30, of which each client is in three")
    parser.add_argument("--rate", type=float, default=1.0, help="publications of each client a second (default 1)")
    parser.add_argument("--killed", type=float, default=10.0, help="seconds (default 10)")
    parser.add_argument("--frozen", type=float, default=20.0, help="seconds (default 20)")
    parser.add_argument("--partition", type=float, default=20.0, help="seconds (default 20)")
    options = parser.parse_args(arguments)
    options.store = options.store or STORES[options.broker][0]
    if options.store not in STORES[options.broker]:
        parser.error(f"with {options.broker} the store is one of {', '.join(STORES[options.broker])}")
    options.scenario = options.scenario.split(",")
    if unknown := set(options.scenario) - set(NAMES):
        parser.error(f"no scenario is named {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def _engine(options: argparse.Namespace) -> "Engine":
    from tests.clusters.chaos.engines import NatsEngine, RedisEngine

    if options.broker == "redis":
        return RedisEngine(has_history=options.store != "none")
    return NatsEngine(None if options.store == "none" else options.store)


def _play(options: argparse.Namespace, folder: Path) -> "list[Findings]":
    from tests.clusters.chaos.crowd import Size
    from tests.clusters.chaos.fleet import Fleet
    from tests.clusters.chaos.scenarios import play
    from tests.clusters.chaos.stage import Findings, Limits

    size = Size(options.clients, options.rooms, min(3, options.rooms), options.rate)
    limits = Limits(killed=options.killed, frozen=options.frozen, partition=options.partition)
    engine = _engine(options)
    found: list[Findings] = []
    try:
        fleet = Fleet(folder, engine)
        try:
            for scenario in options.scenario:
                print(f"{scenario} …", file=sys.stderr)
                found.append(play(scenario, fleet, size, limits, has_history=options.store != "none"))
        finally:
            fleet.remove()
    except AssertionError as error:  # What is not as it should be, or a whole log with an exception in it.
        lines = [line for line in str(error).splitlines() if '"level": "info"' not in line]
        print("\n".join(f"! {line}" for line in lines[:SHOWN]), file=sys.stderr)
        found = found or [Findings(options.scenario[0], size)]
        found[-1].faults.append("it could not be played to its end, or a server failed: see above")
    finally:
        engine.remove()
    return found


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _show(options: argparse.Namespace, all_findings: "list[Findings]", seconds: float) -> None:
    print(
        f"3 servers, {options.broker}, history: {options.store}; {options.clients} clients in {options.rooms} "
        f"rooms want to publish {options.rate:g} a second each; {seconds:.0f} s in all\n"
    )
    rows = [
        ("", *(each.scenario for each in all_findings)),
        ("publications acknowledged", *(f"{each.judgement.acknowledged:,}" for each in all_findings)),
        ("refused, and sent again", *(f"{each.judgement.refusals:,}" for each in all_findings)),
        ("deliveries checked", *(f"{each.judgement.deliveries:,}" for each in all_findings)),
        ("lost", *(f"{len(each.judgement.lost):,}" for each in all_findings)),
        ("missing, as was told", *(f"{each.judgement.told_missing:,}" for each in all_findings)),
        ("doubled", *(f"{len(each.judgement.doubled):,}" for each in all_findings)),
        ("out of order", *(f"{len(each.judgement.disordered):,}" for each in all_findings)),
        ("other faults", *(f"{_others(each):,}" for each in all_findings)),
        ("failed over, in s", *(_seconds(each.failed_over) for each in all_findings)),
        ("lost users noticed, in s", *(_seconds(each.noticed) for each in all_findings)),
        ("resumed, in s", *(_seconds(each.resumed) for each in all_findings)),
        ("presence true again, in s", *(_seconds(each.presence) for each in all_findings)),
    ]
    for name, *cells in rows:
        print(f"{name:26}" + "".join(f"{cell:>11}" for cell in cells))
    for each in all_findings:
        for fault in each.faults[:SHOWN]:
            print(f"! {each.scenario}: {fault}")


def _others(findings: "Findings") -> int:
    judgement = findings.judgement
    return len(findings.faults) - len(judgement.lost) - len(judgement.doubled) - len(judgement.disordered)


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-chaos-") as folder:
            findings = _play(options, Path(folder))
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: install what the tests need (pip install --group test)", file=sys.stderr)
        return 2
    _show(options, findings, time.monotonic() - began)
    return int(any(each.faults for each in findings))
