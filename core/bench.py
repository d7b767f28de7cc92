"""`hubbub bench`: any deployer can load their own server."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from .bench_measure import HEADER_LENGTH, MAX_PUBLISHERS
from .bench_report import Progress, as_json, is_good, summary
from .bench_run import Findings, LoadTest, Plan

MAX_CONNECTIONS = MAX_PUBLISHERS
SPARE_FILES = 64

_USER_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,40}")


class PlanError(Exception):
    """A load test that cannot be run as asked; the message says why, and what would do."""


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


def plan_from(options: argparse.Namespace) -> Plan:
    """Check what was asked for. Raise `PlanError` for what makes no sense or is too much for one process."""
    connections, rooms, publishers = options.connections, options.rooms, options.publishers
    _check("--connections", connections, 1, MAX_CONNECTIONS, "more need several machines")
    _check("--rooms", rooms, 1, connections, "each room needs a connection")
    _check("--publishers", publishers, 1, connections // rooms, f"a room has {connections // rooms} connections")
    if options.rate is not None:
        _check("--rate", options.rate, 0.01, 1_000_000, "one process sends no more")
    _check("--in-flight", options.in_flight, 1, 10_000, "more only wait in buffers")
    _check("--duration", options.duration, 0.1, 86_400, "that is a day")
    _check("--size", options.size, HEADER_LENGTH, 1_000_000, "the content says which message it is")
    if not _USER_PREFIX.fullmatch(options.user_prefix):
        raise PlanError("--user-prefix takes at most 40 letters, digits, dots, dashes and underscores")
    return Plan(
        uri=_uri(options.url),
        connections=connections,
        rooms=rooms,
        publishers=publishers,
        rate=options.rate,
        in_flight=options.in_flight,
        duration=options.duration,
        size=options.size,
        user_prefix=options.user_prefix,
        headers={"Authorization": f"Bearer {options.token}"} if options.token else {},
    )


def _check(option: str, value: float, least: float, most: float, why: str) -> None:
    if not least <= value <= most:
        raise PlanError(f"{option} {value:g} is out of range: {least:,g} to {most:,g} go; {why}")


def _uri(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise PlanError(f"{url} is no WebSocket URL; one looks like ws://127.0.0.1:8000/ws") from error


def make_room_for(connections: int) -> None:
    """Raise the process's limit of open files where it is too low. Raise `PlanError` where that is not allowed."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    needed = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise PlanError(
            f"{connections:,} connections need {needed:,} open files, and this process may have {hard:,}; "
            f"let it have more (ulimit -n {needed}, or LimitNOFILE= under systemd), or use fewer --connections"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:
        raise PlanError(
            f"{connections:,} connections need {needed:,} open files, and the limit of {soft:,} cannot be raised "
            f"({error}); try `ulimit -n {needed}` first, or fewer --connections"
        ) from error


def _run(plan: Plan, progress: Progress) -> Findings:
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        new_event_loop = None

    async def run() -> Findings:
        return await LoadTest(plan).run(progress.show)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run())
