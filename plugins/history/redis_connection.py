"""How the store talks to Redis: scripts in pipelines, errors that a person can act on, no second try by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from .backoff import Backoff
from .group import Group
from .redis_scripts import Script
from .store import StoreUnavailable, StoreUnusable

Reply: TypeAlias = "bytes | int | list[Reply] | None"

# The client's own types leave open what comes back.
Scan: TypeAlias = "Callable[[str, int, str], AsyncIterator[bytes]]"


Word: TypeAlias = str | bytes | int | float


class Call(NamedTuple):
    """A script with its keys and arguments, or where there is none, a command with its arguments."""

    script: Script | None
    keys: Sequence[str]
    arguments: Sequence[Word]

    def words(self, *, by_digest: bool) -> Sequence[Word]:
        """As Redis takes it; a script that it may not know, with the text."""
        if self.script is None:
            return self.arguments
        script = ("EVALSHA", self.script.digest) if by_digest else ("EVAL", self.script.text)
        return (*script, len(self.keys), *self.keys, *self.arguments)


class RedisConnection:
    """A bounded pool of connections to one Redis."""

    def __init__(self, url: str, *, version_key: str, version: int, connections: int, timeout: float) -> None:
        """Raise `ValueError` where ``url`` is none. ``version`` is what the data under ``version_key`` is like."""
        try:
            # A second try could store the same events again.
            pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] # of **kwargs
                url,
                max_connections=connections,
                timeout=timeout,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
            parts = urlsplit(url)
            options = cast("dict[str, object]", pool.connection_kwargs)
            self.place = str(options.get("path") or _host(options))
            """Which server it is, as host:port or the path of a socket."""
            self._place = f"{parts.hostname or parts.path}" + (f":{parts.port}" if parts.port else "")
        except (ValueError, TypeError, RedisError):  # Their text may have the password in it.
            raise ValueError(
                "The URL of the history's Redis is not one: write redis://user:password@host:6379/0"
            ) from None
        self._client = Redis.from_pool(pool)
        self._version_key = version_key
        self._version = version
        self._is_checked = False
        self._backoff = Backoff()
        self._calls = Group[Call, Reply](self.call_all)

    async def close(self) -> None:
        """Finish what waits, and disconnect."""
        await self._calls.close()
        await self._client.aclose()

    async def command(self, *words: Word) -> Reply:
        """Send one command. Raise `StoreUnavailable` where it fails."""
        return await self._calls.submit(Call(None, (), words))

    async def call(self, script: Script, keys: Sequence[str], *arguments: Word) -> Reply:
        """Run one script. Raise `StoreUnavailable` where it fails."""
        return await self._calls.submit(Call(script, keys, arguments))

    async def call_all(self, calls: Sequence[Call]) -> list[Reply | StoreUnavailable]:
        """Make calls, each atomic by itself, in their order and in one go."""
        async with self._guard():
            replies = await self._pipeline(calls, by_digest=True)
            unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:  # Not one of them has run.
                again = await self._pipeline([calls[index] for index in unknown], by_digest=False)
                for index, reply in zip(unknown, again, strict=True):
                    replies[index] = reply
        return [
            StoreUnavailable(self._explain(reply)) if isinstance(reply, Exception) else reply for reply in replies
        ]

    async def _pipeline(self, calls: Sequence[Call], *, by_digest: bool) -> list[Reply | Exception]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*call.words(by_digest=by_digest))  # pyright: ignore[reportUnknownMemberType]
            return cast("list[Reply | Exception]", await pipeline.execute(raise_on_error=False))

    async def keys(self, pattern: str) -> AsyncIterator[bytes]:
        """All keys that match; one may come twice."""
        scan = cast("Scan", self._client.scan_iter)  # pyright: ignore[reportUnknownMemberType]
        keys = scan(pattern, 500, "HASH")
        while True:
            async with self._guard():
                key = await anext(keys, None)
            if key is None:
                return
            yield key

    @asynccontextmanager
    async def _guard(self) -> AsyncGenerator[None]:
        self._backoff.check()
        try:
            if not self._is_checked:
                await self._check_version()
            yield
        except (RedisError, OSError, TimeoutError) as error:
            self._is_checked = False  # It may be another one that comes back.
            raise self._backoff.failed(self._explain(error)) from error
        self._backoff.worked()

    async def _check_version(self) -> None:
        await self._client.set(self._version_key, self._version, nx=True)
        found = cast("bytes | None", await self._client.get(self._version_key))
        if found is not None and int(found) > self._version:
            raise StoreUnusable(
                f"The history in Redis at {self._place} was written by a newer Hubbub: its version is "
                f"{int(found)}, and this one knows up to {self._version}. Upgrade Hubbub, or give it another "
                "prefix or database."
            )
        self._is_checked = True

    def _explain(self, error: Exception) -> str:
        reason = str(error) or type(error).__name__
        return f"Redis at {self._place} cannot be used: {reason}. Look whether it runs, and at its log."


def _host(options: Mapping[str, object]) -> str:
    host = str(options.get("host", "localhost"))
    return f"{f'[{host}]' if ':' in host else host}:{options.get('port', 6379)}"
