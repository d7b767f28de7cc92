"""The scenarios in a size for tests: seconds each, with servers that play one after the other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .crowd import Size
from .engines import Engine
from .fleet import Fleet, Times
from .scenarios import play
from .stage import Limits

SIZE = Size(clients=60, rooms=10, rooms_of_each=3, per_second=2)
# How soon it is over says little on a machine that is busy: benchmarks/chaos.py measures that.
LIMITS = Limits(steady=0.5, killed=1, frozen=1, partition=1, warm_up=0.3, until_resumed=10, late=5)
TIMES = Times(lease=3, timeout=0.6, max_reconnect=0.2)


@contextmanager
def running(folder: Path, engine: Engine) -> Generator[Fleet]:
    """Servers that give up after less than a second on what does not answer."""
    try:
        fleet = Fleet(folder, engine, TIMES)
        try:
            yield fleet
        finally:
            fleet.remove()
    finally:
        engine.remove()


def check_with_history(scenario: str, fleet: Fleet) -> None:
    """See that everybody got all that was acknowledged, once and in one order."""
    findings = play(scenario, fleet, SIZE, LIMITS)
    assert not findings.faults, "\n".join(findings.faults)
    assert findings.judgement.acknowledged > 2 * SIZE.clients
    assert findings.judgement.told_missing == 0


def check_without_history(scenario: str, fleet: Fleet) -> None:
    """See that what somebody did not get was told, and that nobody got what was refused."""
    findings = play(scenario, fleet, SIZE, LIMITS, has_history=False)
    assert not findings.faults, "\n".join(findings.faults)
    assert findings.judgement.acknowledged > SIZE.clients
