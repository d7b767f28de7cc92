import pytest
from hubbub.core.connect_rate import ConnectRate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("per_minute", [1, 7, 60, 6000])
def test_a_minutes_worth_may_come_at_once_and_then_no_more(clock: Clock, per_minute: int) -> None:
    rate = ConnectRate(per_minute, clock)
    assert [rate.take("a") for _ in range(per_minute)] == [None] * per_minute
    assert rate.take("a") is not None
    clock.now += 60
    assert [rate.take("a") for _ in range(per_minute)] == [None] * per_minute
    assert rate.take("a") is not None


def test_the_wait_that_is_told_is_the_wait_that_is_needed(clock: Clock) -> None:
    rate = ConnectRate(6, clock)
    for _ in range(6):
        assert rate.take("a") is None
    assert rate.take("a") == 10
    clock.now += 4.5
    assert rate.take("a") == 6
    clock.now += 6
    assert rate.take("a") is None
    assert rate.take("a") == 10


def test_who_is_refused_is_not_kept_out_longer_for_trying(clock: Clock) -> None:
    rate = ConnectRate(1, clock)
    assert rate.take("a") is None
    for _ in range(59):
        clock.now += 1
        assert rate.take("a") is not None
    clock.now += 1
    assert rate.take("a") is None


def test_addresses_are_counted_apart(clock: Clock) -> None:
    rate = ConnectRate(1, clock)
    assert rate.take("a") is None
    assert rate.take("b") is None
    assert rate.take("a") is not None


def test_addresses_are_forgotten_once_they_may_connect_as_ever(clock: Clock) -> None:
    rate = ConnectRate(2, clock)
    for number in range(1000):
        rate.take(str(number))
    assert len(rate) == 1000
    clock.now += 60
    for number in range(1000):
        rate.take(f"later {number}")
    assert len(rate) == 1000


def test_many_addresses_fill_no_memory_and_the_latest_are_remembered(clock: Clock) -> None:
    rate = ConnectRate(1, clock, max_addresses=100)
    for number in range(10_000):
        assert rate.take(str(number)) is None
        assert len(rate) <= 100
    assert rate.take("9999") is not None
    assert rate.take("0") is None


def test_an_address_that_is_in_use_is_not_the_one_that_is_forgotten(clock: Clock) -> None:
    rate = ConnectRate(1, clock, max_addresses=100)
    assert rate.take("a") is None
    for number in range(1000):
        rate.take(str(number))
        assert rate.take("a") is not None
