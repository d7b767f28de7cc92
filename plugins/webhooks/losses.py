"""Events that will never be delivered: counted, told to the receiver, and logged without flooding the log."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

logger = logging.getLogger(__name__)

LOG_SECONDS = 60.0
"""Losses within this time share a line."""


class Losses:
    """How much was lost, in all and since somebody was told."""

    def __init__(self, receiver: str, now: Callable[[], float]) -> None:
        """``receiver`` is what logs call the endpoint."""
        self.total = 0
        self._receiver = receiver
        self._now = now
        self._untold = 0
        self._unlogged = 0
        self._why = ""
        self._logged_at = -math.inf

    def add(self, events: int, why: str) -> None:
        """Count events that were dropped."""
        self.total += events
        self._untold += events
        self._unlogged += events
        self._why = why
        if self._now() - self._logged_at >= LOG_SECONDS:
            self.log()

    def take_untold(self) -> int:
        """What the next batch tells the receiver."""
        untold, self._untold = self._untold, 0
        return untold

    def tell_again(self, events: int) -> None:
        """Take back what was told by a batch that did not arrive."""
        self._untold += events

    def log(self) -> None:
        """Log what was not logged yet."""
        if self._unlogged:
            logger.warning("lost %d of the events for %s: %s", self._unlogged, self._receiver, self._why)
            self._unlogged = 0
            self._logged_at = self._now()
