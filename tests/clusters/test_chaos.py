"""Three servers with a broker, while one of them, the broker, or the network between them goes away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .chaos.engines import NatsEngine, RedisEngine
from .chaos.fleet import Fleet
from .chaos.small import check_with_history, check_without_history, running

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]


@pytest.fixture(scope="module", params=[RedisEngine, NatsEngine])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet"), request.param()) as fleet:
        yield fleet


@pytest.mark.parametrize("scenario", ["steady", "node", "killed", "frozen", "partition"])
def test_with_history_everybody_gets_all_that_was_acknowledged_once_and_in_one_order(
    scenario: str, fleet: Fleet
) -> None:
    check_with_history(scenario, fleet)


@pytest.mark.parametrize("scenario", ["killed", "partition"])
def test_without_history_what_is_missing_after_something_was_away_is_told(scenario: str, fleet: Fleet) -> None:
    check_without_history(scenario, fleet)
