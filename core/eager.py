"""Runs a coroutine at once, and makes a task of it only if it has to wait.

Most events meet no asynchronous hook: they are handled inside the socket's own callback, without a task and
without a turn of the event loop in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine as generator_coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Done(Awaitable[None]):
    """An awaitable that has nothing to wait for."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


DONE: Awaitable[None] = _Done()
"""What a call returns that was finished at once: awaiting it costs nothing and may be left out."""


class InOrder(Awaitable[None]):
    """What has its place in the order of things already: only its end is still to come.

    A connection's later events need not wait for it. It comes to its end also where nobody waits any longer.
    """

    __slots__ = ("end",)

    def __init__(self, end: asyncio.Future[None]) -> None:
        self.end = end

    def __await__(self) -> Generator[Any, Any, None]:
        return asyncio.shield(self.end).__await__()


def start(coroutine: Coroutine[Any, Any, T]) -> T | asyncio.Task[T]:
    """Run ``coroutine`` up to its first wait; return its result, or the task that carries on.

    The part that runs at once has no current task: it must not use `asyncio.timeout` or the like itself,
    but may await tasks and futures that do. Raises what the coroutine raises before its first wait.
    """
    try:
        first = coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    rest = cast("Coroutine[Any, Any, T]", _carry_on(coroutine, first))
    return asyncio.get_running_loop().create_task(rest)


def start_unanswered(coroutine: Coroutine[Any, Any, None]) -> Awaitable[None]:
    """Like `start`, for what has no result: `DONE`, or the task to wait for."""
    waiting = start(coroutine)
    return DONE if waiting is None else waiting


@generator_coroutine
def _carry_on(coroutine: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    while True:
        try:
            try:
                sent = yield waiting
            except GeneratorExit:  # Collected, together with a loop that has ended.
                coroutine.close()
                raise
            except BaseException as error:
                waiting = coroutine.throw(error)
            else:
                waiting = coroutine.send(sent)
        except StopIteration as finished:
            return finished.value
