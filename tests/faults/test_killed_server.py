"""The server is killed in the middle of everything, and nothing that it acknowledged is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .crowd import Crowd
from .killing import Outages, RestartedServer, kill_again_and_again

KILLS = 3


async def kill_under_load(server: RestartedServer) -> Outages:
    async with Crowd(server.url, rooms=2, members=4) as crowd:
        return await kill_again_and_again(crowd, KILLS, kill=server.kill, start=server.start)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("transport", "durability"), [("auto", "full"), ("portable", "normal")])
def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, transport: str, durability: str
) -> None:
    server = RestartedServer(tmp_path, {"store": "sqlite", "durability": durability}, transport)
    try:
        outages = asyncio.run(kill_under_load(server))
    finally:
        server.now.stop()
    assert outages.judgement.faults == []
    assert outages.judgement.acknowledged >= KILLS * 100


def test_the_crowd_notices_what_a_server_loses_that_keeps_all_in_memory(tmp_path: Path) -> None:
    server = RestartedServer(tmp_path, {"store": "memory"})
    try:
        outages = asyncio.run(kill_under_load(server))
    finally:
        server.now.stop()
    assert len(outages.judgement.lost) >= KILLS * 100
    assert any("was not given what it had missed" in fault for fault in outages.judgement.faults)
