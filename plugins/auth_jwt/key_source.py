"""The keys of a URL, kept fresh: fetched at the start, again and again, and at once when a new key is met."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from .keys import Algorithm, KeyProblem, Keys, read_key_set

logger = logging.getLogger(__name__)

COOLDOWN = 2.0
"""Seconds from the end of one fetch to the next at least, whatever tokens people make up."""
LONGEST_RETRY = 60.0
LOG_EVERY = 60.0
"""Seconds after which a failure that goes on is told again."""
MOST_WAITING = 1000
"""Connections that may wait for a fetch at the same time."""


class FetchError(Exception):
    """There is no document; the text says why, in no words of whoever answered."""


class KeySource:
    """Asks a URL for its key set.

    What it answers replaces the last set at once. While it fails, the last set counts for ``max_stale`` seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        name: str,
        algorithms: Sequence[Algorithm],
        *,
        refresh: float,
        max_stale: float,
    ) -> None:
        """``fetch`` raises `FetchError`; ``name`` is what logs call the URL."""
        self._fetch = fetch
        self._name = name
        self._algorithms = algorithms
        self._refresh = refresh
        self._max_stale = max_stale
        self._loop = asyncio.get_running_loop()
        self._keys: Keys | None = None
        self._fetched_at = 0.0
        self._failures = 0
        self._told_at = 0.0
        self._waiting = 0
        self._is_wanted = asyncio.Event()
        self._this: asyncio.Future[None] = self._loop.create_future()
        """Done when the fetch under way, or the last one, has ended."""
        self._next: asyncio.Future[None] = self._loop.create_future()
        """Done when a fetch has ended that has not begun yet."""
        self._task = self._loop.create_task(self._keep_fresh())

    @property
    def keys(self) -> Keys | None:
        """The keys; None where there are none, or none that may still be trusted."""
        if self._keys is not None and self._loop.time() - self._fetched_at > self._refresh + self._max_stale:
            self._keys = None
            logger.error("the keys from %s are too old (jwks_max_stale): nobody is let in", self._name)
        return self._keys

    @property
    def is_fetching(self) -> bool:
        """Whether a fetch is under way."""
        return not self._this.done()

    async def fetched(self, seconds: float) -> bool:
        """Wait for the fetch under way; False where it has not succeeded within ``seconds``."""
        return await self._wait(self._this, seconds)

    async def fetch_again(self, seconds: float) -> bool:
        """Wait for a fetch that begins after this call; False where none has succeeded within ``seconds``."""
        self._is_wanted.set()
        return await self._wait(self._next, seconds)

    async def _wait(self, fetch: asyncio.Future[None], seconds: float) -> bool:
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            done, _ = await asyncio.wait((fetch,), timeout=seconds)
        finally:
            self._waiting -= 1
        return bool(done) and not self._failures

    async def close(self) -> None:
        """Fetch no more, and let nobody wait any more."""
        self._task.cancel()
        await asyncio.wait((self._task,))
        self._failures += 1
        for fetch in (self._this, self._next):
            if not fetch.done():
                fetch.set_result(None)

    async def _keep_fresh(self) -> None:
        while True:
            self._is_wanted.clear()
            await self._fetch_once()
            self._this.set_result(None)
            await asyncio.sleep(COOLDOWN)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause() - COOLDOWN):
                    await self._is_wanted.wait()
            self._this, self._next = self._next, self._loop.create_future()

    def _pause(self) -> float:
        """Seconds to the next fetch; a part is left to chance, so that many servers do not ask in step."""
        doubled = COOLDOWN * 2.0 ** min(self._failures, 10)
        pause = min(self._refresh, LONGEST_RETRY, doubled) if self._failures else self._refresh
        return pause * random.uniform(0.9, 1.0)  # noqa: S311

    async def _fetch_once(self) -> None:
        try:
            keys, others = read_key_set(await self._fetch(), self._algorithms)
        except (FetchError, KeyProblem) as problem:
            self._failed(str(problem))
        except Exception:
            logger.exception("fetching the keys from %s", self._name)
            self._failures += 1
        else:
            self._succeeded(keys, others)

    def _succeeded(self, keys: Keys, others: int) -> None:
        if not keys.keys:  # Whoever takes all keys back wants no token to be accepted.
            self._keys = None
            self._failed(f"its set has none for the algorithms {', '.join(self._algorithms)}")
            return
        if self._keys is None or self._failures:
            logger.info("keys from %s: %d, and %d for something else", self._name, len(keys.keys), others)
        self._keys, self._fetched_at, self._failures = keys, self._loop.time(), 0

    def _failed(self, why: str) -> None:
        now = self._loop.time()
        if not self._failures or now - self._told_at >= LOG_EVERY:
            self._told_at = now
            until = "nobody with a token is let in" if self.keys is None else "the last ones count meanwhile"
            logger.error("no keys from %s: %s; trying again, %s", self._name, why, until)
        self._failures += 1
