"""How long to wait before the next attempt, where the last ones have failed."""

from __future__ import annotations

import random

FIRST = 0.05


class Backoff:
    """Pauses that double with each failure, and are a little different for everyone."""

    def __init__(self, longest: float) -> None:
        """``longest`` is in seconds."""
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        pause = min(self._longest, FIRST * 2**self._failures)
        self._failures = min(self._failures + 1, 32)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311

    def reset(self) -> None:
        """It worked."""
        self._failures = 0
