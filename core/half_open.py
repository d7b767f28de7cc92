"""The connections from which no whole request has come yet: a bounded number, each for a bounded time.

A client that means it sends its request within a moment. So of too many the oldest are cut, and whoever opens
connections only to keep others out (slowloris) finds that the newcomers get through.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter, OrderedDict
from typing import Final, Protocol

logger = logging.getLogger(__name__)

_STEPS: Final = 10
"""Looks at the clock in the time that a client has: it gets that much longer at most."""

_TOLD_EVERY: Final = 60.0


class Cuttable(Protocol):
    """A connection that can be ended before it has said what it wants."""

    def cut(self) -> None:
        """End at once."""
        ...


class HalfOpen:
    """All of one server that have not sent a whole request."""

    def __init__(self, limit: int, seconds: float) -> None:
        """``limit`` is how many there may be, ``seconds`` how long each may take."""
        self._limit = limit
        self._seconds = seconds
        self._deadlines: OrderedDict[Cuttable, float] = OrderedDict()
        """The oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._cut: Counter[str] = Counter()
        """How many were cut and not yet told of in the log, by the option that says so."""
        self._told_at = -math.inf

    def __len__(self) -> int:
        return len(self._deadlines)

    def add(self, connection: Cuttable) -> None:
        """Give ``connection`` its time from now on, and cut the oldest one where there are too many."""
        loop = asyncio.get_running_loop()
        self._deadlines.pop(connection, None)
        self._deadlines[connection] = loop.time() + self._seconds
        if len(self._deadlines) > self._limit:
            self.cut_oldest("max_handshakes")
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / _STEPS, self._cut_late)

    def discard(self, connection: Cuttable) -> None:
        """Note that ``connection`` has sent a request, or is gone."""
        self._deadlines.pop(connection, None)

    def cut_oldest(self, option: str) -> None:
        """Cut the connection that has taken longest, of at least one, because of the option of this name."""
        oldest, _ = self._deadlines.popitem(last=False)
        self._cut[option] += 1
        oldest.cut()

    def _cut_late(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._deadlines and next(iter(self._deadlines.values())) <= now:
            self.cut_oldest("handshake_timeout")
        self._tell(now)
        if self._deadlines or self._cut:
            self._timer = loop.call_later(self._seconds / _STEPS, self._cut_late)

    def _tell(self, now: float) -> None:
        """Log what was cut, at once or after a minute: whoever causes it cannot flood the log."""
        if not self._cut or now < self._told_at + _TOLD_EVERY:
            return
        self._told_at = now
        for option, number in self._cut.items():
            level = logging.INFO if option == "handshake_timeout" else logging.WARNING
            logger.log(level, "connections cut that had sent no whole request: %d (server.%s)", number, option)
        self._cut.clear()
