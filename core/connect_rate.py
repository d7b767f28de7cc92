"""How often one address may connect."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_WINDOW: Final = 60.0
"""Seconds whose worth of connects may come at once."""

_MAX_ADDRESSES: Final = 50_000
"""Addresses that are remembered: about 10 MB of them."""


class ConnectRate:
    """A leaky bucket for each address, remembered as the moment at which it will be empty again."""

    def __init__(self, per_minute: int, now: Callable[[], float], max_addresses: int = _MAX_ADDRESSES) -> None:
        self._interval = _WINDOW / per_minute
        self._now = now
        self._max_addresses = max_addresses
        self._empty_at: OrderedDict[str, float] = OrderedDict()
        """By address, the one that connected last at the end."""

    def take(self, address: str) -> float | None:
        """Count a connect of ``address``; or return the seconds until the next one may come.

        One that is refused is not counted.
        """
        now = self._now()
        empty_at = self._empty_at.pop(address, now)
        full = max(empty_at, now) + self._interval
        wait = full - now - _WINDOW
        if wait > 1e-6:  # Sums of floating point numbers are never exact.
            self._empty_at[address] = empty_at
            return math.ceil(wait)
        self._empty_at[address] = full
        self._forget(now)
        return None

    def __len__(self) -> int:
        return len(self._empty_at)

    def _forget(self, now: float) -> None:
        """Let go of two at most that are empty, or of the longest unused: more than come in, so few remain."""
        for _ in range(2):
            oldest = next(iter(self._empty_at))
            if self._empty_at[oldest] > now and len(self._empty_at) <= self._max_addresses:
                return
            del self._empty_at[oldest]
