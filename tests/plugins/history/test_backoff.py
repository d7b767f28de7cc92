"""How long a server that did not answer is left alone."""

import pytest
from hubbub.plugins.history.backoff import LONGEST, Backoff
from hubbub.plugins.history.store import StoreUnavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def pause(backoff: Backoff, clock: Clock) -> float:
    """How long it takes until there may be another attempt."""
    start = clock.now
    while True:
        try:
            backoff.check()
        except StoreUnavailable:
            clock.now += 0.001
        else:
            return clock.now - start


def test_the_pause_grows_with_each_failure_up_to_a_limit_and_tells_the_reason_meanwhile() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    backoff.check()
    pauses: list[float] = []
    for _ in range(12):
        assert str(backoff.failed("nobody answers")) == "nobody answers"
        with pytest.raises(StoreUnavailable, match="nobody answers"):
            backoff.check()
        pauses.append(pause(backoff, clock))
    assert pauses[0] <= 0.06
    assert pauses[0] < pauses[3] < pauses[-1]
    assert LONGEST / 2 <= pauses[-1] <= LONGEST + 0.01
    assert len({round(each, 3) for each in pauses[-5:]}) > 1


def test_after_a_success_the_pauses_are_short_again() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(9):
        backoff.failed("nobody answers")
    backoff.worked()
    backoff.check()
    backoff.failed("nobody answers")
    assert pause(backoff, clock) <= 0.06
