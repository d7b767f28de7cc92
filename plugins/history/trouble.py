"""Notices that the store is away, says so once, and when it is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ...core import ConnectionManager
from .store import Store, StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 1.0
"""Seconds between two looks at a store that is away."""


class Trouble:
    """Whether the store does its work."""

    def __init__(self, manager: ConnectionManager, store: Store, over: Callable[[], None]) -> None:
        """``over`` is called when the store works again."""
        self._manager = manager
        self._store = store
        self._over = over
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the store was away when somebody last looked."""
        return self._watch is not None

    def report(self, error: StoreUnavailable) -> None:
        """Note that the store did not do its work."""
        if self._watch is None:
            logger.error("history cannot be written; publishing is refused until it can: %s", error)
            self._manager.troubles["history"] = "the history store is away"
            self._watch = asyncio.get_running_loop().create_task(self._wait_for_the_end())

    def stop(self) -> None:
        """Look no longer."""
        if self._watch is not None:
            self._watch.cancel()

    async def _wait_for_the_end(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            try:
                await self._store.check()
            except StoreUnavailable:
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                break
        self._watch = None
        self._manager.troubles.pop("history", None)
        logger.warning("history is written again")
        self._over()
