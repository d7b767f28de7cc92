"""A store for tests that can be slow or away, and what they ask of clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.history import stores
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.store import Append, Appended, Position, Stored, StoreUnavailable


class MoodyStore(MemoryStore):
    """A store in memory that can be slow or away, and that can fail after it has stored."""

    is_immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.is_away = False
        self.answers = True
        self.reads_aside = False
        """Whether looking up an id takes a moment, however long storing takes."""
        self.steps: list[int] = []

    async def start(self) -> None:
        await asyncio.sleep(self.seconds)

    async def check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("The disk is full: make room on it.")

    async def open(self, room: str, *, now: float) -> Position:
        await self.check()
        return await super().open(room, now=now)

    async def read(self, room: str, after: int, limit: int) -> list[Stored]:
        await self.check()
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return await super().read(room, after, limit)

    async def find_key(self, room: str, key: str, *, now: float) -> int | None:
        if self.reads_aside:
            await asyncio.sleep(0)
        return await super().find_key(room, key, now=now)

    async def _append(self, append: Append) -> Appended:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        await self.check()
        appended = await super()._append(append)
        self.steps.append(len(append.events))
        if not self.answers:
            raise StoreUnavailable("The connection was lost before the answer.")
        return appended


Start = Callable[..., HubForTests]


def resume_from(client: ClientForTests) -> dict[str, str]:
    """The query by which somebody resumes who has seen what this client was told on joining."""
    joined = client.receive("system", event="joined")
    return {"epoch": joined["epoch"], "since": str(joined["seq"])}


def offer_moody_store(monkeypatch: pytest.MonkeyPatch) -> MoodyStore:
    """A store that servers have with ``store: moody``, all of them the same."""
    store = MoodyStore()
    monkeypatch.setitem(stores.STORES, "moody", lambda _: store)  # pyright: ignore[reportArgumentType] # it is a dict
    return store


def contents(client: ClientForTests) -> list[Any]:
    """What has been said, as the client got it."""
    return [event["content"] for event in client.take("message")]
