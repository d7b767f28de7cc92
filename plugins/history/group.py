"""Gathers what is asked for in the same moment, so that a database does it in one go."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from .store import StoreUnavailable

Request = TypeVar("Request")
Result = TypeVar("Result")

MOST_WAITING = 64 * 1024 * 1024


class _Waiting(NamedTuple, Generic[Request, Result]):
    request: Request
    size: int
    answer: asyncio.Future[Result]


class Group(Generic[Request, Result]):
    """Does requests in the order in which they came; while some are done, the next ones gather."""

    def __init__(
        self,
        work: Callable[[list[Request]], Awaitable[Sequence[Result | Exception]]],
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """``work`` answers each of the requests that it is given, or raises for all of them.

        ``most_waiting`` is how much may wait, in bytes as `submit` is told them.
        """
        self._work = work
        self._most_waiting = most_waiting
        self._size = 0
        self._waiting: list[_Waiting[Request, Result]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def submit(self, request: Request, size: int = 500) -> Result:
        """Have a request done. Raise what ``work`` did, or `StoreUnavailable` where too much waits already."""
        if self._is_closed:
            raise StoreUnavailable("The history store was stopped.")
        if self._size and self._size + size > self._most_waiting:
            raise StoreUnavailable(
                f"More than {self._most_waiting // 1024} KiB wait for the history store: "
                "it is slower than what is published."
            )
        waiting = _Waiting(request, size, asyncio.get_running_loop().create_future())
        self._size += size
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiting.answer

    async def close(self) -> None:
        """Take no more, and return when everything that waits is done."""
        self._is_closed = True
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._do([each for each in batch if not each.answer.done()])
                finally:
                    self._size -= sum(each.size for each in batch)
        finally:
            self._task = None

    async def _do(self, batch: list[_Waiting[Request, Result]]) -> None:
        if not batch:
            return
        try:
            outcomes = await self._work([each.request for each in batch])
        except Exception as error:
            outcomes = [_twin(error) for _ in batch]
        except BaseException:
            for each in batch:
                each.answer.cancel()
            raise
        for each, outcome in zip(batch, outcomes, strict=True):
            if each.answer.done():
                continue
            if isinstance(outcome, Exception):
                each.answer.set_exception(outcome)
            else:
                each.answer.set_result(outcome)


def _twin(error: Exception) -> Exception:
    # One exception raised in many tasks would gather the tracebacks of all of them.
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
