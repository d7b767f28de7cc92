"""Takes batches to the receiver one after the other, each again and again until it is accepted or given up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable
from typing import Protocol

from .config import WebhooksConfig
from .endpoint import Answer
from .losses import Losses
from .outbox import Outbox
from .payload import Batch

logger = logging.getLogger(__name__)

MOST_DOUBLINGS = 30


class Receiver(Protocol):
    """Where batches go."""

    async def post(self, batch: Batch) -> Answer:
        """Try once. Must not raise."""
        ...

    async def close(self) -> None:
        """Called once, at the end."""
        ...


class Delivery:
    """One batch is on its way at a time, so that what arrives arrives in order."""

    def __init__(
        self,
        outbox: Outbox,
        receiver: Receiver,
        losses: Losses,
        config: WebhooksConfig,
        *,
        name: str,
        now: Callable[[], float],
    ) -> None:
        """``name`` is what logs call the receiver."""
        self.delivered = 0
        """Events that the receiver has accepted."""
        self._outbox = outbox
        self._receiver = receiver
        self._losses = losses
        self._config = config
        self._name = name
        self._now = now
        self._failures = 0
        self._under_way: Batch | None = None
        self._is_ending = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def finish(self, seconds: float) -> None:
        """Send what is left, for ``seconds`` at most; what is not delivered then is lost, and logged."""
        self._outbox.close()
        self._is_ending.set()
        try:
            await asyncio.wait((self._task,), timeout=seconds)
        finally:
            self._task.cancel()
            left = self._outbox.clear() + (self._under_way.size if self._under_way is not None else 0)
            self._under_way = None
            if left:
                self._losses.add(left, "the server stopped before they could be delivered")
            self._losses.log()
            await self._receiver.close()

    async def _run(self) -> None:
        while (batch := await self._outbox.next_batch()) is not None:
            self._under_way = batch
            await self._deliver(batch)
            self._under_way = None

    async def _deliver(self, batch: Batch) -> None:
        give_up_at = self._now() + (self._config.give_up_after or math.inf)
        while (answer := await self._receiver.post(batch)).verdict == "failed":
            self._failed(answer)
            if self._now() >= give_up_at:
                self._lose(batch, f"{answer.reason}, and give_up_after is over")
                await self._pause(answer)
                return
            await self._pause(answer)
        if answer.verdict == "accepted":
            self.delivered += batch.size
            self._recovered()
        else:
            self._failures = 0
            self._lose(batch, answer.reason)

    def _lose(self, batch: Batch, why: str) -> None:
        self._losses.tell_again(batch.lost)
        self._losses.add(batch.size, why)

    def _failed(self, answer: Answer) -> None:
        self._failures += 1
        if self._failures == 1:
            logger.warning("%s does not take events: %s; trying again", self._name, answer.reason)

    def _recovered(self) -> None:
        if self._failures:
            logger.info("%s takes events again; failed attempts before: %d", self._name, self._failures)
        self._failures = 0

    async def _pause(self, answer: Answer) -> None:
        """Wait before the next attempt; the beginning of a shutdown ends the wait, for a last one."""
        config = self._config
        longest = config.retry_seconds * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS)
        # Up to half of it is left to chance, so that many servers do not come back in step.
        wait = min(longest, config.max_retry_seconds) * random.uniform(0.5, 1)  # noqa: S311
        wait = max(wait, min(answer.retry_after or 0.0, config.max_retry_seconds))
        if self._is_ending.is_set():
            await asyncio.sleep(wait)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._is_ending.wait()
