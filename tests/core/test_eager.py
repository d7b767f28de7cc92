import asyncio

import pytest
from hubbub.core.eager import DONE, start, start_unanswered


async def nothing() -> None:
    await DONE


async def answer() -> int:
    await DONE
    return 42


async def later() -> int:
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return 42


async def fails_at_once() -> None:
    raise LookupError("at once")


async def fails_later() -> None:
    await asyncio.sleep(0)
    raise LookupError("later")


def test_what_never_waits_is_done_when_the_call_returns() -> None:
    async def main() -> None:
        assert start(answer()) == 42
        assert start(nothing()) is None
        assert start_unanswered(nothing()) is DONE
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_without_waiting_not_even_an_event_loop_is_needed() -> None:
    assert start(answer()) == 42


def test_what_has_to_wait_goes_on_as_a_task() -> None:
    async def main() -> None:
        task = start(later())
        assert isinstance(task, asyncio.Task)
        assert not task.done()
        assert await task == 42

    asyncio.run(main())


def test_an_error_is_raised_at_once_or_by_the_task() -> None:
    async def main() -> None:
        with pytest.raises(LookupError, match="at once"):
            start(fails_at_once())
        with pytest.raises(LookupError, match="later"):
            await start_unanswered(fails_later())

    asyncio.run(main())


def test_an_error_of_what_it_waits_for_reaches_the_coroutine() -> None:
    caught: list[str] = []

    async def catches(waiting: "asyncio.Future[None]") -> str:
        try:
            await waiting
        except LookupError as error:
            caught.append(str(error))
        await asyncio.sleep(0)
        return "went on"

    async def main() -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = start(catches(waiting))
        waiting.set_exception(LookupError("broken"))
        assert isinstance(task, asyncio.Task)
        assert await task == "went on"

    asyncio.run(main())
    assert caught == ["broken"]


def test_cancelling_the_task_runs_the_cleanup_of_the_coroutine() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    async def main() -> None:
        task = start_unanswered(waits())
        assert isinstance(task, asyncio.Task)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["cleaned up"]
