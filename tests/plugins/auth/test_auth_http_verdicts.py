"""Which answers are remembered, and what happens to questions at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hubbub.core import Identity
from hubbub.plugins.auth_http.answer import Verdict
from hubbub.plugins.auth_http.verdicts import Verdicts

from .fake_backend import FakeBackend, connect, hub_with

# What is remembered


def test_the_same_question_is_asked_again_only_when_the_answer_is_old(backend: FakeBackend) -> None:
    with hub_with(cache_seconds=10) as hub:
        for _ in range(3):
            connect(hub)
        assert len(backend.questions) == 1
        hub.advance(10)
        connect(hub)
        assert len(backend.questions) == 2


def test_a_refusal_is_remembered_as_well_but_no_failure(backend: FakeBackend) -> None:
    with hub_with() as hub:
        backend.status = 401
        assert [connect(hub).close_code for _ in range(2)] == [4001, 4001]
        assert len(backend.questions) == 1
        backend.status = 500
        assert [connect(hub, "other").close_code for _ in range(2)] == [1013, 1013]
        assert len(backend.questions) == 3
        backend.status = 200
        assert connect(hub, "other").connection.user == "alice"


@pytest.mark.parametrize(
    "changes",
    [
        {"query": {"token": "other"}},
        {"room": "vip"},
        {"address": "198.51.100.9"},
        {"headers": {"cookie": "session=other"}},
        {"query": {"token": "t0ken", "user": "root"}},
    ],
)
def test_an_answer_counts_for_exactly_the_same_question(backend: FakeBackend, changes: dict[str, Any]) -> None:
    same: dict[str, Any] = {"query": {"token": "t0ken"}, "headers": {"cookie": "session=1"}}
    with hub_with(forward_headers=["cookie"]) as hub:
        hub.connect(**same)
        hub.connect(**same)
        assert len(backend.questions) == 1
        hub.connect(**{**same, **changes})
        assert len(backend.questions) == 2


def test_an_answer_is_not_remembered_past_its_end(backend: FakeBackend) -> None:
    backend.body = {"user": "alice", "expires": (datetime.now(UTC) + timedelta(seconds=5)).isoformat()}
    with hub_with(cache_seconds=3600) as hub:
        alice = connect(hub)
        hub.advance(4)
        connect(hub)
        assert len(backend.questions) == 1
        hub.advance(2)
        assert alice.close_code == 4001
        connect(hub)
        assert len(backend.questions) == 2


def test_an_answer_that_has_ended_already_lets_nobody_in(backend: FakeBackend) -> None:
    backend.body = {"user": "alice", "expires": 1}
    with hub_with() as hub:
        late = connect(hub)
        assert (late.close_code, late.close_reason) == (
            4001,
            "The credentials have expired: come back with new ones.",
        )


def test_nothing_is_remembered_where_the_config_says_so(backend: FakeBackend) -> None:
    with hub_with(cache_seconds=0) as hub:
        connect(hub)
        connect(hub)
        assert len(backend.questions) == 2


def test_only_so_many_answers_are_remembered_and_no_token(backend: FakeBackend) -> None:
    with hub_with(max_cached=3) as hub:
        for number in range(5):
            connect(hub, f"t0ken-{number}")
        connect(hub, "t0ken-4")
        assert len(backend.questions) == 5
        connect(hub, "t0ken-0")
        assert len(backend.questions) == 6
        plugin: Any = hub.hub.plugins["auth_http"]
        known = plugin._verdicts._known
        assert len(known) == 3
        assert not [key for key in known if b"t0ken" in key]


# At the same time


def test_same_questions_at_the_same_time_are_asked_once(backend: FakeBackend) -> None:
    backend.takes = 1.0
    with hub_with(cache_seconds=0) as hub:
        tabs = [connect(hub) for _ in range(10)]
        hub.advance(1)
        assert {tab.connection.user for tab in tabs} == {"alice"}
        assert len(backend.questions) == 1


def test_one_who_goes_while_waiting_takes_nobody_along(backend: FakeBackend) -> None:
    backend.takes = 1.0
    with hub_with() as hub:
        first, second = connect(hub), connect(hub)
        first.vanish()
        hub.advance(1)
        assert second.connection.user == "alice"


def test_one_whose_waiting_is_cancelled_takes_nobody_along() -> None:
    async def run() -> None:
        verdicts, may_answer = Verdicts(10, 10), asyncio.Event()

        async def ask() -> Verdict:
            await may_answer.wait()
            return Identity("alice")

        first, second = (asyncio.create_task(verdicts.get(b"?", ask)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait((first,))
        may_answer.set()
        assert await second == Identity("alice")

    asyncio.run(run())


def test_who_waits_while_the_server_stops_is_told_to_come_back(
    backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.takes = 1.0
    with hub_with() as hub:
        alice = connect(hub)
    assert alice.close_code == 1013
    assert "Traceback" not in caplog.text


def test_a_backend_may_not_take_longer_than_a_hook(backend: FakeBackend) -> None:
    with hub_with(timeout=60):
        assert backend.options["timeout"] == 4.5
    with hub_with(timeout=1):
        assert backend.options["timeout"] == 1
