"""Servers, their broker and a crowd, for one scenario; and what is found out about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from .client import ChaosClient
from .crowd import Crowd, Size
from .fleet import NODES, Fleet, Node
from .judgement import Judgement
from .seat import Notice

LEFT_AND_CAME_BACK = ["left lost", "joined"]

Expected = Callable[[ChaosClient, ChaosClient], list[str] | None]
"""What a client should be told of another one; None: of comings and goings in turn."""


class Limits(NamedTuple):
    """How long things last in a scenario, and how long they may take, in seconds."""

    steady: float = 20.0
    killed: float = 10.0
    frozen: float = 20.0
    partition: float = 20.0
    warm_up: float = 3.0
    """Talk before something happens, and afterwards."""
    until_resumed: float = 5.0
    """From the return of what was away, at most, until everybody goes on."""
    late: float = 1.0
    """After the lease, at most, until it is found that everybody knows who is lost: it takes a while to ask."""


@dataclass
class Findings:
    """What one scenario has shown."""

    scenario: str
    size: Size
    seconds: float = 0.0
    resumed: float | None = None
    """Seconds from the return of what was away until everybody had all and could publish."""
    failed_over: float | None = None
    """Seconds from the end of a server until those who went to another one had all and could publish."""
    noticed: float | None = None
    """Seconds from the end of a server until all others knew exactly who is where."""
    presence: float | None = None
    """Seconds from the return until all servers knew exactly who is where."""
    judgement: Judgement = field(default_factory=Judgement)
    faults: list[str] = field(default_factory=list[str])
    """All that must not be."""

    def check(self, what: str, seconds: float, most: float) -> float:
        """Note it as a fault where something has taken too long."""
        if seconds > most:
            self.faults.append(f"{what} took {seconds:.1f} s, more than {most:g}")
        return seconds


class Stage:
    """One crowd at home on all servers of a fleet."""

    def __init__(self, fleet: Fleet, crowd: Crowd, limits: Limits, scenario: str) -> None:
        self.fleet = fleet
        self.crowd = crowd
        self.limits = limits
        self.findings = Findings(scenario, crowd.size)
        self._pool = ThreadPoolExecutor(NODES)
        for number, client in enumerate(crowd.clients):
            client.home = fleet.nodes[number % NODES].url()

    def at(self, node: int) -> list[ChaosClient]:
        """The clients that began at one of the servers."""
        return self.crowd.clients[node::NODES]

    async def talk(self, seconds: float) -> None:
        """Let the crowd talk for a while."""
        await asyncio.sleep(seconds)

    async def do(self, *work: Callable[[], object]) -> None:
        """Do what blocks, all at once."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._pool, each) for each in work))

    async def until_ready(self, is_ready: bool, nodes: Sequence[Node], seconds: float = 30.0) -> None:
        """Return when these servers say that they are, or are not, ready for new clients."""
        deadline = time.monotonic() + seconds
        while True:
            answers = await asyncio.gather(*(asyncio.to_thread(node.is_ready) for node in nodes))
            if all(answer is is_ready for answer in answers):
                return
            assert time.monotonic() < deadline, f"ready were {answers} after {seconds:g} s, not all {is_ready}"
            await asyncio.sleep(0.05)

    async def until_presence_is_true(
        self, nodes: Sequence[Node], out_of_sight: Sequence[ChaosClient] = (), seconds: float = 30.0
    ) -> None:
        """Return when these servers know exactly who is in which room, but for those who are ``out_of_sight``."""
        deadline, hidden = time.monotonic() + seconds, {client.name for client in out_of_sight}
        while wrong := list(filter(None, await asyncio.gather(*(self._wrong(node, hidden) for node in nodes)))):
            assert time.monotonic() < deadline, f"after {seconds:g} s presence is wrong: {'; '.join(wrong)}"
            await asyncio.sleep(0.05)

    async def _wrong(self, node: Node, hidden: set[str]) -> str:
        for room in self.crowd.seats:
            shown = await asyncio.get_running_loop().run_in_executor(self._pool, node.presence, room)
            there = {user: n for user, n in self.crowd.present(room).items() if user not in hidden}
            if shown != there:
                wrong = sorted(dict(shown.items() ^ there.items()))
                return f"{room} on port {node.now.port}: {len(wrong)}, such as {wrong[:3]}"
        return ""

    def check_notices(self, expected: Expected) -> None:
        """Compare what clients were told of others."""
        clients = {client.name: client for client in self.crowd.clients}
        for seats in self.crowd.seats.values():
            for seat in seats:
                told: dict[str, list[str]] = {}
                for notice in seat.notices:
                    told.setdefault(notice.user, []).append(_short(notice))
                for other in seats:
                    wanted = expected(clients[seat.owner], clients[other.owner])
                    news = told.get(other.owner, [])
                    if news != wanted and (wanted is not None or not _is_in_turn(news)):
                        self.findings.faults.append(
                            f"{seat.owner} in {seat.room} was told of {other.owner}: {news}"
                        )

    def close(self) -> None:
        """Do nothing any more."""
        self._pool.shutdown()


def _short(notice: Notice) -> str:
    return notice.event if notice.reason is None else f"{notice.event} {notice.reason}"


def _is_in_turn(news: Sequence[str]) -> bool:
    events = [each.partition(" ")[0] for each in news]
    return all(before != after for before, after in pairwise(events))
