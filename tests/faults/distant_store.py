"""A store at the other end of a network, which may be slow, cut, or cut before the answer has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from hubbub.plugins.history.store import Append, Appended, Position, Retention, Store, Stored, StoreUnavailable

T = TypeVar("T")
Question = Callable[[], Coroutine[Any, Any, T]]


class Network:
    """How things are between a server and its store, and how they change under way."""

    def __init__(self) -> None:
        self.seconds_there = 0.0
        self.seconds_back = 0.0
        self.has_fast_lane = False
        """Whether only appends take those seconds."""
        self.is_cut = False
        self.loses_answers = False
        """Of appends."""

    @property
    def is_well(self) -> bool:
        return not (self.is_cut or self.loses_answers or self.seconds_there or self.seconds_back)


class OwnThread:
    """Runs a store that waits for sockets, which virtual time cannot, in a thread and an event loop of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()

    async def __call__(self, question: Question[T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._runner.run(question()))

    def close(self) -> None:
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


class DistantStore(Store):
    """Asks another store, over the network."""

    def __init__(self, store: Store, network: Network, own_thread: OwnThread | None = None) -> None:
        self._store = store
        self._network = network
        self._own_thread = own_thread

    async def _do(self, question: Question[T]) -> T:
        return await (question() if self._own_thread is None else self._own_thread(question))

    async def _ask(self, question: Question[T], *, is_append: bool = False) -> T:
        network = self._network
        self._pass()
        if network.seconds_there and (is_append or not network.has_fast_lane):
            await asyncio.sleep(network.seconds_there)
            self._pass()
        answer = await self._do(question)
        if network.seconds_back and (is_append or not network.has_fast_lane):
            await asyncio.sleep(network.seconds_back)
        self._pass()
        if is_append and network.loses_answers:
            raise StoreUnavailable("The connection was lost before the answer.")
        return answer

    def _pass(self) -> None:
        if self._network.is_cut:
            raise StoreUnavailable("The network is cut.")

    async def start(self) -> None:
        await self._ask(self._store.start)

    async def stop(self) -> None:
        await self._do(self._store.stop)
        if self._own_thread is not None:
            self._own_thread.close()

    async def check(self) -> None:
        await self._ask(self._store.check)

    async def open(self, room: str, *, now: float) -> Position:
        return await self._ask(lambda: self._store.open(room, now=now))

    async def _append(self, append: Append) -> Appended:
        return await self._ask(
            lambda: self._store._append(append),  # pyright: ignore[reportPrivateUsage] # one store for another
            is_append=True,
        )

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        return await self._ask(lambda: self._store.read(room, after, limit))

    async def read_back(self, room: str, before: int | None, limit: int) -> list[Stored]:
        return await self._ask(lambda: self._store.read_back(room, before, limit))

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        return await self._ask(lambda: self._store.find_key(room, key, now=now))

    async def remove(self, room: str, up_to: int) -> int:
        return await self._ask(lambda: self._store.remove(room, up_to))

    async def trim(self, retention_of: Callable[[str], Retention], *, now: float) -> int:
        return await self._ask(lambda: self._store.trim(retention_of, now=now))

    def rooms(self) -> AsyncIterator[str]:
        raise NotImplementedError

    async def forget(self, room: str) -> None:
        await self._ask(lambda: self._store.forget(room))

    async def renew(self, room: str, epoch: str) -> Position:
        return await self._ask(lambda: self._store.renew(room, epoch))

    async def restore(self, room: str, epoch: str, last: int, *, now: float) -> None:
        await self._ask(lambda: self._store.restore(room, epoch, last, now=now))
