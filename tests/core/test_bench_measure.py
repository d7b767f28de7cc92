from __future__ import annotations

import statistics

import pytest
from hubbub.core.bench_measure import HEADER_LENGTH, Contents, Histogram, Ledger
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300), st.sampled_from([1.0, 50.0, 90.0, 99.0, 99.9]))
def test_a_percentile_is_within_one_per_cent_of_the_exact_one(times: list[int], percent: float) -> None:
    histogram = Histogram()
    for each in times:
        histogram.record(each)
    rank = -(-len(times) * percent // 100)
    exact = sorted(times)[max(0, int(rank) - 1)]
    assert exact <= histogram.percentile(percent) <= exact * 1.01 + 1
    assert histogram.percentile(100) == histogram.max == max(times)
    assert histogram.count == len(times) == sum(count for _, count in histogram.buckets())


def test_a_histogram_without_times_has_zero_for_every_percentile() -> None:
    assert Histogram().percentile(99) == 0


def test_a_time_that_no_histogram_expects_is_counted_at_its_end() -> None:
    histogram = Histogram()
    for each in (-5, 1 << 60):
        histogram.record(each)
    assert [count for _, count in histogram.buckets()] == [1, 1]
    assert histogram.max == 1 << 60


def test_half_of_evenly_spread_times_are_below_the_median() -> None:
    histogram = Histogram()
    times = range(1, 10_001)
    for each in times:
        histogram.record(each)
    assert histogram.percentile(50) == pytest.approx(statistics.median(times), rel=0.01)


@pytest.mark.parametrize("size", [HEADER_LENGTH, 64, 1000])
def test_a_content_has_the_size_asked_for_and_is_read_back_from_a_frame(size: int) -> None:
    contents = Contents(size)
    content = contents.make(99_999, 123_456_789, 86_400_000_000)
    assert len(content) == size
    assert content.decode().isprintable()
    assert contents.read(b'{"type":"message","content":"%s","user":"bench-1"}' % content) == (
        99_999,
        123_456_789,
        86_400_000_000,
    )


def test_what_another_run_published_is_not_read() -> None:
    assert Contents(64).read(Contents(64).make(1, 2, 3)) is None
    assert Contents(64).read(b'{"type":"system","event":"welcome"}') is None


@pytest.fixture
def ledger() -> Ledger:
    """Two rooms: 0 and 2 are members of the one, 1 and 3 of the other."""
    ledger = Ledger(rooms=2)
    for member in range(4):
        ledger.join(member)
    return ledger


def test_what_reaches_every_member_of_its_room_is_complete(ledger: Ledger) -> None:
    number = ledger.publish(0)
    assert ledger.missing == 2
    ledger.deliver(0, 0, number)
    ledger.deliver(2, 0, number)
    assert (ledger.missing, ledger.delivered, ledger.out_of_order) == (0, 2, 0)


def test_what_one_member_does_not_get_is_missing(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.publish(0)
    for number in (1, 2, 3):
        ledger.deliver(0, 0, number)
    for number in (1, 3):
        ledger.deliver(2, 0, number)
    assert (ledger.missing, ledger.out_of_order) == (1, 0)


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1, 2)])
def test_a_message_after_a_later_one_or_twice_is_out_of_order(ledger: Ledger, numbers: tuple[int, ...]) -> None:
    ledger.publish(0)
    ledger.publish(0)
    for number in numbers:
        ledger.deliver(2, 0, number)
    assert ledger.out_of_order == 1


def test_the_numbers_of_two_publishers_are_apart(ledger: Ledger) -> None:
    for publisher in (0, 0, 2):
        ledger.publish(publisher)
    for publisher, number in ((0, 1), (0, 2), (2, 1)):
        ledger.deliver(0, publisher, number)
    assert ledger.out_of_order == 0


def test_a_refused_message_is_not_waited_for(ledger: Ledger) -> None:
    ledger.publish(0)
    ledger.publish(0)
    assert ledger.refuse(0)
    for member in (0, 2):
        ledger.deliver(member, 0, 2)
    assert ledger.missing == 0


def test_an_error_without_a_message_on_its_way_refuses_nothing(ledger: Ledger) -> None:
    assert not ledger.refuse(0)
    assert ledger.missing == 0


def test_the_delivery_to_the_publisher_itself_answers_its_messages(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.publish(0)
    assert ledger.deliver(2, 0, 1) == 0
    assert ledger.deliver(0, 0, 1) == 1
    assert ledger.deliver(0, 0, 3) == 2


def test_nothing_is_missing_at_a_member_that_has_gone(ledger: Ledger) -> None:
    ledger.publish(0)
    ledger.deliver(0, 0, 1)
    ledger.leave(2)
    assert ledger.missing == 0


def test_the_last_messages_of_a_publisher_that_has_gone_are_not_waited_for(ledger: Ledger) -> None:
    ledger.publish(0)
    ledger.leave(0)
    assert ledger.missing == 0


def test_a_member_that_comes_later_need_not_have_what_was_before() -> None:
    ledger = Ledger(rooms=1)
    ledger.join(0)
    ledger.publish(0)
    ledger.deliver(0, 0, 1)
    ledger.join(1)
    assert ledger.missing == 0
