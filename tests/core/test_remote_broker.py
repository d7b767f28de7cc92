"""A broker that connects again and again: no way in which an attempt ends ends the next one."""

import asyncio

import pytest
from hubbub.core import RemoteBroker


def test_an_attempt_says_why_it_ended() -> None:
    async def connection() -> str:
        return "the cable was cut"

    assert asyncio.run(RemoteBroker.attempt(connection())) == "the cable was cut"


def test_an_attempt_that_something_in_it_has_cancelled_does_not_cancel_who_waits_for_it() -> None:
    async def connection() -> str:
        raise asyncio.CancelledError

    assert asyncio.run(RemoteBroker.attempt(connection())) == "the attempt was cancelled"


def test_a_broker_that_is_stopped_ends_its_attempt() -> None:
    ended: list[bool] = []

    async def connection() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)
        return ""

    async def stop() -> None:
        task = asyncio.ensure_future(RemoteBroker.attempt(connection()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stop())
    assert ended == [True]
