"""Spreads what comes all at once over several turns of the event loop, so that everything else keeps its share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """So many calls in each turn of the event loop; the others wait, in their order."""

    def __init__(self, most: int) -> None:
        """``most`` is how many there may be in one turn."""
        self._most = self._left = most
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, call: Callable[[], None]) -> bool:
        """Make the call now, or put it off; return whether it was made."""
        if not self._left:
            self._waiting.append(call)
            return False
        if self._left == self._most:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._left -= 1
        call()
        return True

    def _next_turn(self) -> None:
        loop = asyncio.get_running_loop()
        calls = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        self._left = self._most - len(calls)
        for call in calls:
            loop.call_soon(call)  # One that fails is nothing to the others.
        if calls:
            loop.call_soon(self._next_turn)
