"""What waits to be sent: bounded, in order, handed out in batches."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from datetime import UTC, datetime

from .config import WebhooksConfig
from .losses import Losses
from .payload import Batch, batch_of


class Outbox:
    """A queue that never makes anybody wait: where it is full, the oldest events are dropped.

    So a receiver that was away gets the newest, and the gap is at one place, before the next batch.
    """

    def __init__(self, config: WebhooksConfig, losses: Losses) -> None:
        self._config = config
        self._losses = losses
        self._events: deque[bytes] = deque()
        self._bytes = 0
        self._server = secrets.token_hex(8)
        self._batches = 0
        self._is_closed = False
        self._is_due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, event: bytes) -> None:
        """Append an encoded event."""
        if len(event) > self._config.max_queue_bytes:
            self._losses.add(1, "an event is larger than max_queue_bytes")
            return
        self._events.append(event)
        self._bytes += len(event)
        dropped = 0
        while len(self._events) > self._config.max_queue or self._bytes > self._config.max_queue_bytes:
            self._pop()
            dropped += 1
        if dropped:
            self._losses.add(dropped, "more events were waiting than may")
        self._schedule()

    def close(self) -> None:
        """Hand out what is left without waiting for more."""
        self._is_closed = True
        self._schedule()

    def clear(self) -> int:
        """Forget what waits; return how many events that were."""
        left = len(self._events)
        self._events.clear()
        self._bytes = 0
        return left

    async def next_batch(self) -> Batch | None:
        """The next events, once they are enough or have waited long enough; None after the last ones."""
        await self._is_due.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._events:
            return None
        events = [self._pop()]
        size = len(events[0])
        while self._events and len(events) < self._config.batch_size:
            size += len(self._events[0])
            if size > self._config.batch_bytes:
                break
            events.append(self._pop())
        self._is_due.clear()
        self._schedule()
        self._batches += 1
        lost = self._losses.take_untold()
        return batch_of(events, server=self._server, number=self._batches, lost=lost, now=datetime.now(UTC))

    def _pop(self) -> bytes:
        event = self._events.popleft()
        self._bytes -= len(event)
        return event

    def _schedule(self) -> None:
        """See to it that what waits becomes due."""
        config = self._config
        if self._is_closed or len(self._events) >= config.batch_size or self._bytes >= config.batch_bytes:
            self._is_due.set()
        elif self._events and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(config.batch_seconds, self._is_due.set)
