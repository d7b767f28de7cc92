import logging
import resource

import pytest
from hubbub.core import open_files
from hubbub.core.open_files import RESERVE, allow_sockets


class Limits:
    """The limits of a process that is not this one."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        self.may_be_set = True

    def get(self, _: int) -> tuple[int, int]:
        return self.now

    def set(self, _: int, limits: tuple[int, int]) -> None:
        if not self.may_be_set:
            raise ValueError("current limit exceeds maximum limit")
        self.now = limits


def limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> Limits:
    limits = Limits(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


def test_the_soft_limit_is_raised_as_far_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raised = limits(monkeypatch, 1024, 1_000_000)
    assert allow_sockets(11_000) == 11_000
    assert raised.now == (11_000 + RESERVE, 1_000_000)
    assert not caplog.messages


@pytest.mark.parametrize("hard", [resource.RLIM_INFINITY, 50_000])
def test_a_limit_that_is_high_enough_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, hard: int) -> None:
    untouched = limits(monkeypatch, 50_000, hard)
    assert allow_sockets(11_000) == 11_000
    assert untouched.now == (50_000, hard)


def test_without_a_limit_there_is_room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert allow_sockets(11_000) == 11_000


def test_where_the_hard_limit_is_too_low_the_log_says_what_to_raise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    raised = limits(monkeypatch, 256, 4096)
    assert allow_sockets(11_000) == 4096 - RESERVE
    assert raised.now == (4096, 4096)
    assert len(caplog.messages) == 1
    assert "server.max_connections" in caplog.messages[0]
    assert f"Raise the limit to {11_000 + RESERVE}" in caplog.messages[0]
    assert "LimitNOFILE" in caplog.messages[0]


def test_where_the_system_refuses_the_limit_stays_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limits(monkeypatch, 256, resource.RLIM_INFINITY).may_be_set = False
    assert allow_sockets(11_000) == 256 - RESERVE
    assert "room for 192 of the 11000" in caplog.messages[0]


def test_there_is_always_room_for_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, 20, 20)
    assert allow_sockets(11_000) == 10
    assert open_files.RESERVE > 20
