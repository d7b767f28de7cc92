"""An event loop whose clock moves only when it is told to: tests of minutes run in microseconds.

While a thread works for the loop, the clock stands still, and the loop waits for the thread as long as that takes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

FileObject = Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs until there is nothing left to do, and from timer to timer when time is advanced."""

    def __init__(self) -> None:
        self._virtual_now = 1000.0
        self._target = self._virtual_now
        self._threads = 0
        super().__init__(_StoppingSelector(self))

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self._virtual_now

    def settle(self) -> None:
        """Run until everything waits for a timer or for nothing at all."""
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` go by, running what is due on the way."""
        self._target = self._virtual_now + seconds
        self.run_forever()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Arguments], T],
        *args: *Arguments,
    ) -> asyncio.Future[T]:
        """Let a thread do something, and be busy until it is done."""
        result = super().run_in_executor(executor, func, *args)
        self._threads += 1
        result.add_done_callback(self._thread_is_done)
        return result

    def _thread_is_done(self, _: asyncio.Future[Any]) -> None:
        self._threads -= 1

    @property
    def awaits_thread(self) -> bool:
        """Whether a thread works for the loop."""
        return self._threads > 0

    def idle(self, timeout: float | None) -> None:
        """Called when the loop would sleep for ``timeout`` seconds: jump ahead instead, or stop."""
        if timeout is not None and self._virtual_now + timeout <= self._target:
            self._virtual_now += timeout
        else:
            self._virtual_now = self._target
            self.stop()


class _StoppingSelector(selectors.BaseSelector):
    """Sleeps for nothing but a thread: tells the loop that it is idle."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._selector = selectors.DefaultSelector()

    def register(self, fileobj: FileObject, events: int, data: object = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: FileObject) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._selector.select(0)
        if not ready and (timeout is None or timeout > 0):
            if self._loop.awaits_thread:
                return self._selector.select()
            self._loop.idle(timeout)
        return ready

    def get_map(self) -> Mapping[FileObject, selectors.SelectorKey]:
        return self._selector.get_map()

    def close(self) -> None:
        self._selector.close()
