"""How long a server that did not answer is left alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from .store import StoreUnavailable

FIRST = 0.05
LONGEST = 1.0


class Backoff:
    """After each failure in a row the pause is longer, and a little different for everyone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = float("-inf")
        self._reason = ""

    def check(self) -> None:
        """Raise `StoreUnavailable`, with the reason of the last failure, where it is too early to try again."""
        if self._clock() < self._until:
            raise StoreUnavailable(self._reason)

    def failed(self, reason: str) -> StoreUnavailable:
        """Note a failure; return what to raise."""
        pause = min(LONGEST, FIRST * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._until = self._clock() + pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._reason = reason
        return StoreUnavailable(reason)

    def worked(self) -> None:
        """Note that the server answers."""
        self._failures = 0
        self._until = float("-inf")
