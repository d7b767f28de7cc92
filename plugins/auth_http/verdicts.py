"""What was answered lately, and what is being asked now: nobody is asked the same twice without need."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from ...core import Identity
from .answer import NoAnswerError, Verdict

Answer = Verdict | NoAnswerError


class Verdicts:
    """Verdicts by question. Of a question only a keyed hash is kept."""

    def __init__(self, seconds: float, most: int) -> None:
        """A verdict counts for ``seconds``, and never longer than the identity in it."""
        self._seconds = seconds
        self._most = most
        self._salt = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[float, Verdict]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Answer]] = {}

    async def get(self, question: bytes, ask: Callable[[], Awaitable[Verdict]]) -> Verdict:
        """What is known of ``question``, or what ``ask`` says. Raise `NoAnswerError` where that does."""
        key = hashlib.blake2b(question, key=self._salt, digest_size=32).digest()
        verdict = self._recall(key)
        if verdict is not None:
            return verdict
        asking = self._asked.get(key)
        if asking is None:
            asking = self._asked[key] = asyncio.get_running_loop().create_task(self._ask(key, ask))
            asking.add_done_callback(lambda _: self._asked.pop(key))
        # Shielded: others may be waiting for the same answer when one of them goes.
        answer = await asyncio.shield(asking)
        if isinstance(answer, NoAnswerError):
            raise NoAnswerError(*answer.args)
        return answer

    def close(self) -> None:
        """Ask no more."""
        for asking in self._asked.values():
            asking.cancel()

    async def _ask(self, key: bytes, ask: Callable[[], Awaitable[Verdict]]) -> Answer:
        try:
            verdict = await ask()
        except NoAnswerError as error:
            return error
        except asyncio.CancelledError:  # By `close`, and those who wait for it were not cancelled.
            return NoAnswerError("the server stops")
        seconds = min(self._seconds, _seconds_left(verdict))
        if seconds > 0:
            self._known[key] = (asyncio.get_running_loop().time() + seconds, verdict)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return verdict

    def _recall(self, key: bytes) -> Verdict | None:
        until, verdict = self._known.get(key, (0.0, None))
        if verdict is not None and until <= asyncio.get_running_loop().time():
            del self._known[key]
            return None
        return verdict


def _seconds_left(verdict: Verdict) -> float:
    """Seconds for which a verdict may count by what it says itself."""
    if not isinstance(verdict, Identity) or verdict.expires is None:
        return float("inf")
    return (verdict.expires - datetime.now(UTC)).total_seconds()
