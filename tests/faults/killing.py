"""A server of Hubbub that is killed under load, and started again at the same place, again and again."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..end_to_end.kept_port import KeptPort
from ..end_to_end.running_server import HUBBUB, RunningServer
from .crowd import Crowd, Judgement

NO_LIMIT: dict[str, object] = {"messages": 1_000_000_000, "others": {"messages": 1_000_000_000}}
PLUGINS: dict[str, object] = {"chat": {}, "presence": {}, "validation": {}, "rate_limit": NO_LIMIT}


class RestartedServer:
    """One server after the other, with one config, on one port."""

    def __init__(
        self,
        folder: Path,
        history: Mapping[str, object],
        transport: str = "auto",
        command: Sequence[str] = HUBBUB,
    ) -> None:
        """``history`` are the options of that plugin; ``command`` is how hubbub is called."""
        keep = {"keep": 10_000_000, "max_recovered": 1_000_000}
        config = {
            "server": {"transport": transport, "max_connections_per_address": 10_000},
            "plugins": {**PLUGINS, "history": {**keep, **history}},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        self._folder = folder
        self._command = command
        self._port = KeptPort()
        self.start()

    def url(self) -> str:
        """Where clients connect."""
        return self.now.url()

    def kill(self) -> None:
        """As a crash does: without a word."""
        self.now.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start where the last one was."""
        self.now = RunningServer(self._folder, ("--port", str(self._port.number)), command=self._command)

    def is_ready(self) -> bool:
        """What a load balancer is told."""
        return self.now.get("/readyz")[0] == 200


@dataclass
class Outages:
    """What it was like."""

    judgement: Judgement = field(default_factory=Judgement)
    seconds_down: list[float] = field(default_factory=list[float])
    """From the end of something until it took its work up again."""
    seconds_back: list[float] = field(default_factory=list[float])
    """From then on, until every client was back and knew all it had missed."""


async def kill_again_and_again(
    crowd: Crowd, times: int, *, kill: Callable[[], None], start: Callable[[], None], per_round: int = 200
) -> Outages:
    """Kill something in the middle of the load, start it, and let everybody come back; then judge."""
    outages = Outages()
    for _ in range(times):
        await crowd.until_acknowledged(random.randint(per_round // 2, per_round * 3 // 2))
        killed_at = time.monotonic()
        await asyncio.to_thread(kill)
        await asyncio.to_thread(start)
        up_at = time.monotonic()
        await crowd.until_all_are_up_to_date()
        outages.seconds_down.append(up_at - killed_at)
        outages.seconds_back.append(time.monotonic() - up_at)
    outages.judgement = await crowd.finish()
    return outages


async def take_the_store_away_again_and_again(
    crowd: Crowd,
    server: RestartedServer,
    times: int,
    *,
    kill: Callable[[], None],
    start: Callable[[], None],
    per_round: int = 200,
) -> Outages:
    """Kill the store in the middle of the load, until everybody has noticed and one of each room has lost the
    connection, too; start it, and let the server find it again by itself; then judge.
    """
    outages = Outages()
    for _ in range(times):
        await crowd.until_acknowledged(random.randint(per_round // 2, per_round * 3 // 2))
        refused = {member: member.refused for member in crowd.members}
        await asyncio.to_thread(kill)
        await crowd.until(lambda refused=refused: all(each.refused > refused[each] for each in crowd.members))
        assert not await asyncio.to_thread(server.is_ready), "the server says that it is ready without its store"
        for members in crowd.rooms.values():
            members[0].lose_connection()
        await asyncio.to_thread(start)
        up_at = time.monotonic()
        while not await asyncio.to_thread(server.is_ready):
            assert time.monotonic() - up_at < 30, "the server does not find its store again"
        outages.seconds_down.append(time.monotonic() - up_at)
        await crowd.until_all_are_up_to_date()
        outages.seconds_back.append(time.monotonic() - up_at)
    outages.judgement = await crowd.finish()
    return outages
