"""`hubbub bench`: any deployer can load their own server."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from .bench_plan import Plan, PlanError, make_room_for, plan_from
from .bench_report import Progress, as_json, is_good, summary
from .bench_run import Findings, LoadTest


def add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `bench` takes."""
    add = parser.add_argument
    add("url", help="where the server's WebSocket is, such as ws://127.0.0.1:8000/ws")
    add("--connections", type=int, default=100, metavar="N", help="how many connect (default: %(default)s)")
    add("--rooms", type=int, default=1, metavar="N", help="over how many rooms, bench-0 and on (default: 1)")
    add("--publishers", type=int, default=1, metavar="N", help="how many publish in each room (default: 1)")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--rate", type=float, metavar="N", help="messages a second in all; without it, as many as go"
    )
    pace.add_argument(
        "--in-flight",
        type=int,
        default=1,
        metavar="N",
        help="without --rate: how many messages of each publisher are on their way at once (default: 1)",
    )
    add("--duration", type=float, default=10.0, metavar="SECONDS", help="how long (default: %(default)g)")
    add("--size", type=int, default=64, metavar="BYTES", help="of each message's content (default: %(default)s)")
    add("--user-prefix", default="bench", metavar="NAME", help="users are NAME-0 and on (default: %(default)s)")
    add("--token", metavar="TOKEN", help="sent as Authorization: Bearer, where the server asks who one is")
    add("--json", action="store_true", help="print the figures as JSON")


def bench(options: argparse.Namespace) -> int:
    """Run the load test and print what it found; return 1 where not all went well."""
    try:
        plan = plan_from(options)
        make_room_for(plan.connections)
    except PlanError as error:
        sys.stderr.write(f"hubbub bench: {error}\n")
        return 2
    progress = Progress(sys.stderr, plan)
    try:
        findings = _run(plan, progress)
    finally:
        progress.end()
    if options.json:
        sys.stdout.write(json.dumps(as_json(findings, plan), indent=2) + "\n")
    else:
        sys.stdout.write(summary(findings, plan))
    return 0 if is_good(findings, plan) else 1


def _run(plan: Plan, progress: Progress) -> Findings:
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        new_event_loop = None

    async def run() -> Findings:
        return await LoadTest(plan).run(progress.show)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run())
