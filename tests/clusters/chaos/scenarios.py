"""What happens to a cluster: nothing, or a server, the broker or the network between them is away for a while."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from .client import ChaosClient
from .crowd import Crowd, Size
from .fleet import UNKEPT, Fleet
from .judgement import judge
from .stage import LEFT_AND_CAME_BACK, Expected, Findings, Limits, Stage

FULL_SIZE, LIMITS = Size(), Limits()

MOVE = 15
"""One of so many clients goes to another server while the broker is away."""


async def steady(stage: Stage) -> Expected:
    """Nothing happens."""
    await stage.talk(stage.limits.steady)
    stage.findings.resumed = await stage.crowd.resume()
    return lambda _observer, _other: []


async def node(stage: Stage) -> Expected:
    """A server is killed. Half of its clients go to others at once, half wait until it is there again."""
    crowd, findings, lease = stage.crowd, stage.findings, stage.fleet.times.lease
    *others, last = stage.fleet.nodes
    waiting, moving = stage.at(2)[::2], stage.at(2)[1::2]
    await asyncio.to_thread(last.kill)
    killed_at = time.monotonic()
    for number, client in enumerate(moving):
        client.home = others[number % 2].url()
    for client in waiting:
        client.home = None
    await crowd.until_up_to_date(moving)
    findings.failed_over = findings.check("failing over", time.monotonic() - killed_at, stage.limits.until_resumed)
    await stage.until_presence_is_true(others)
    findings.noticed = findings.check(
        "noticing who is lost", time.monotonic() - killed_at, lease + stage.limits.late
    )
    await asyncio.to_thread(last.start)
    for client in waiting:
        client.home = last.url()
    await _returned(stage)

    def expected(observer: ChaosClient, other: ChaosClient) -> list[str] | None:
        if other not in waiting:
            return []
        return LEFT_AND_CAME_BACK if observer not in waiting else None

    return expected


async def killed(stage: Stage) -> Expected:
    """The broker is killed, and started again."""
    broker = stage.fleet.engine.broker
    return await _broker_away(stage, broker.kill, broker.start, stage.limits.killed)


async def frozen(stage: Stage) -> Expected:
    """The broker does nothing for a while: connections stay, and what was sent is done afterwards."""
    broker = stage.fleet.engine.broker
    return await _broker_away(stage, broker.freeze, broker.unfreeze, stage.limits.frozen)


async def _broker_away(stage: Stage, go: Callable[[], None], come: Callable[[], None], seconds: float) -> Expected:
    nodes = stage.fleet.nodes
    moving = stage.crowd.clients[::MOVE]
    await asyncio.to_thread(go)
    try:
        gone_at = time.monotonic()
        await stage.until_ready(False, nodes)
        for number, client in enumerate(moving):
            client.home = nodes[(number + 1) % len(nodes)].url()
            client.lose_connection()
        await stage.talk(gone_at + seconds - time.monotonic())
    finally:
        await asyncio.to_thread(come)
    await _returned(stage)
    return lambda observer, other: None if other in moving or observer in moving else []


async def partition(stage: Stage) -> Expected:
    """One server is cut off from the broker, for longer than the lease."""
    *others, last = stage.fleet.nodes
    cut_off = stage.at(2)
    stage.fleet.cable.cut()
    cut_at = time.monotonic()
    await stage.until_ready(False, [last])
    await stage.until_presence_is_true(others, out_of_sight=cut_off)
    stage.findings.noticed = stage.findings.check(
        "noticing who is lost", time.monotonic() - cut_at, stage.fleet.times.lease + stage.limits.late
    )
    await stage.talk(cut_at + stage.limits.partition - time.monotonic())
    stage.fleet.cable.mend()
    await _returned(stage)
    return lambda observer, other: LEFT_AND_CAME_BACK if other in cut_off and observer not in cut_off else []


async def _returned(stage: Stage) -> None:
    """Measure how long it takes until everything is as it should be."""
    findings, nodes = stage.findings, stage.fleet.nodes

    async def timed(work: Awaitable[object]) -> float:
        await work
        return time.monotonic() - returned_at

    returned_at = time.monotonic()
    resumed, presence = await asyncio.gather(
        timed(stage.crowd.resume()), timed(stage.until_presence_is_true(nodes))
    )
    findings.resumed = findings.check("resuming", resumed, stage.limits.until_resumed)
    findings.presence = findings.check("presence", presence, stage.fleet.times.lease + stage.limits.late)
    await stage.until_ready(True, nodes)


SCENARIOS: Mapping[str, Callable[[Stage], Awaitable[Expected]]] = {
    "steady": steady,
    "node": node,
    "killed": killed,
    "frozen": frozen,
    "partition": partition,
}


def play(
    scenario: str, fleet: Fleet, size: Size = FULL_SIZE, limits: Limits = LIMITS, *, has_history: bool = True
) -> Findings:
    """Let something happen to a fleet, which is as it was before when this returns."""
    return asyncio.run(_play(scenario, fleet, size, limits, has_history=has_history))


async def _play(scenario: str, fleet: Fleet, size: Size, limits: Limits, *, has_history: bool) -> Findings:
    began = time.monotonic()
    name = f"{'kept' if has_history else UNKEPT}-{scenario}-{secrets.token_hex(2)}"
    crowd = Crowd(name, size, has_history=has_history)
    stage = Stage(fleet, crowd, limits, scenario)
    findings = stage.findings
    try:
        async with crowd:
            await stage.until_presence_is_true(fleet.nodes)
            crowd.forget_notices()
            crowd.start_talking()
            await stage.talk(limits.warm_up)
            expected = await SCENARIOS[scenario](stage)
            await stage.talk(limits.warm_up)
            await crowd.finish()
            await stage.until_presence_is_true(fleet.nodes)
            stage.check_notices(expected)
    finally:
        stage.close()
    findings.judgement = judge(crowd, has_one_order=fleet.engine.has_one_order)
    findings.faults += findings.judgement.faults
    findings.seconds = time.monotonic() - began
    return findings
