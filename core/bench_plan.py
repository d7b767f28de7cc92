"""What a load test is to do, and whether one process can."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from .bench_measure import HEADER_LENGTH, MAX_PUBLISHERS

MAX_CONNECTIONS = MAX_PUBLISHERS
SPARE_FILES = 64

_USER_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,40}")


class PlanError(Exception):
    """A load test that cannot be run as asked; the message says why, and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a load test is to do."""

    uri: WebSocketURI
    connections: int
    rooms: int
    publishers: int
    """In each room."""
    rate: float | None
    """Messages a second in all; None: each publisher keeps `in_flight` messages on their way."""
    in_flight: int
    duration: float
    size: int
    user_prefix: str
    headers: Mapping[str, str]

    def uri_of(self, number: int) -> WebSocketURI:
        """The URL of one connection: its room in the path, its user in the query."""
        uri = self.uri
        query = f"user={quote(f'{self.user_prefix}-{number}')}"
        return WebSocketURI(
            uri.secure,
            uri.host,
            uri.port,
            f"{uri.path.rstrip('/')}/bench-{number % self.rooms}",
            f"{uri.query}&{query}" if uri.query else query,
            uri.username,
            uri.password,
        )


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
    if options.token and not (options.token.isascii() and options.token.isprintable()):
        raise PlanError("--token has characters that no HTTP header can carry")
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
