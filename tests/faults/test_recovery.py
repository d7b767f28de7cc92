"""Many come back at the same moment after a restart, and each gets what was missed while others go on talking."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from .killing import RestartedServer
from .live_traffic import LiveTraffic
from .returning_crowd import ReturningCrowd


async def restart_and_come_back(server: RestartedServer, crowd: ReturningCrowd) -> list[float]:
    await crowd.come()
    await crowd.miss_something()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with LiveTraffic(server.url(), people=2) as others:
        began = time.monotonic()
        assert await crowd.come_back() < 30
        ended = time.monotonic()
    await crowd.vanish()
    return others.between(began, ended)


@pytest.mark.timeout(120)
def test_a_hundred_clients_come_back_at_once_and_each_gets_exactly_what_it_has_missed(tmp_path: Path) -> None:
    server = RestartedServer(tmp_path, {"store": "sqlite"})
    crowd = ReturningCrowd(server.url, rooms=4, members=25, missed=50)
    try:
        delays = asyncio.run(restart_and_come_back(server, crowd))
    finally:
        server.now.stop()
    assert crowd.faults() == []
    assert delays
    assert delays[-1] < 5, "those who came back kept others from talking"
