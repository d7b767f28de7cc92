"""The pauses between attempts."""

import pytest
from hubbub.core import Backoff


def test_the_pauses_double_up_to_the_longest_and_each_is_a_little_different() -> None:
    backoff = Backoff(longest=1.0)
    pauses = [backoff.next() for _ in range(100)]
    for pause, longest in zip(pauses, (0.05, 0.1, 0.2, 0.4, 0.8, *[1.0] * 95), strict=True):
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) > 50


@pytest.mark.parametrize("failures", [1, 100])
def test_after_a_success_they_begin_anew(failures: int) -> None:
    backoff = Backoff(longest=1.0)
    for _ in range(failures):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 0.05
