"""A line on the terminal that says how far something is, where it takes longer than a moment."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

FIRST_AFTER = 1.0
INTERVAL = 0.2
"""Seconds: before the first line, and between two."""


class Progress:
    """Counts events; says nothing where stderr is no terminal."""

    def __init__(self, doing: str, total: int) -> None:
        """``doing`` stands before the number, such as ``exported``; ``total`` is how many there are."""
        self.done = 0
        self._doing = doing
        self._total = total
        self._is_shown = False
        self._next = time.monotonic() + FIRST_AFTER if sys.stderr.isatty() else float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave an empty line for what comes."""
        if self._is_shown:
            _write("\r\x1b[K")

    def add(self, events: int) -> None:
        """Note that so many more are done."""
        self.done += events
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL
            self._is_shown = True
            percent = 100 * self.done // max(self._total, self.done, 1)
            _write(f"\r\x1b[K{self._doing} {self.done:,} of {max(self._total, self.done):,} events, {percent} %")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
