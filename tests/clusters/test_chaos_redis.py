"""Three servers with a Redis, while one of them, Redis, or the network between them goes away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .chaos.engines import RedisEngine
from .chaos.fleet import Fleet
from .chaos.small import check_with_history, check_without_history, running

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet"), RedisEngine()) as fleet:
        yield fleet


@pytest.mark.parametrize("scenario", ["steady", "node", "killed", "frozen", "partition"])
def test_with_history_everybody_gets_all_that_was_acknowledged_once_and_in_one_order(
    scenario: str, fleet: Fleet
) -> None:
    check_with_history(scenario, fleet)


def test_without_history_what_is_missing_after_redis_was_away_is_told(fleet: Fleet) -> None:
    check_without_history("killed", fleet)
