"""How long a server that did not answer is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...core import Backoff as Pauses
from .store import StoreUnavailable

LONGEST = 1.0


class Backoff:
    """After each failure in a row the pause is longer, and a little different for everyone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses = Pauses(LONGEST)
        self._until = float("-inf")
        self._reason = ""

    def check(self) -> None:
        """Raise `StoreUnavailable`, with the reason of the last failure, where it is too early to try again."""
        if self._clock() < self._until:
            raise StoreUnavailable(self._reason)

    def failed(self, reason: str) -> StoreUnavailable:
        """Note a failure; return what to raise."""
        self._until = self._clock() + self._pauses.next()
        self._reason = reason
        return StoreUnavailable(reason)

    def worked(self) -> None:
        """Note that the server answers."""
        self._pauses.reset()
        self._until = float("-inf")
