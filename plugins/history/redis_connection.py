"""How the store talks to Redis: scripts in pipelines, errors that a person can act on, no second try by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias, cast

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from .backoff import Backoff
from .group import Group
from .redis_config import InRedis
from .redis_scripts import Script
from .redis_servers import Pools, Reply, servers_of
from .store import StoreUnavailable, StoreUnusable

# The client's own types leave open what comes back.
Scan: TypeAlias = "Callable[[str, int, str], AsyncIterator[bytes]]"
Replies: TypeAlias = "list[Reply | Exception]"


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

    @property
    def key(self) -> str:
        """The first of its keys; all are in one place."""
        return self.keys[0] if self.script is not None else str(self.arguments[1])


class RedisConnection:
    """Bounded pools of connections to all of one Redis."""

    def __init__(
        self, url: str, config: InRedis, *, version_key: str, version: int, connections: int, timeout: float
    ) -> None:
        """Raise `ValueError` where ``url`` is none. ``version`` is what the data under ``version_key`` is like."""
        try:
            pools = Pools(url, connections=connections, timeout=timeout)
        except (ValueError, TypeError, RedisError):  # Their text may have the password in it.
            raise ValueError(
                "The URL of the history's Redis is not one: write redis://user:password@host:6379/0"
            ) from None
        self._servers = servers_of(pools, config)
        self.place, self.publish = self._servers.place, self._servers.publish
        self._looking = asyncio.Lock()
        self._version_key = version_key
        self._version = version
        self._is_checked = False
        self._backoff = Backoff()
        self._calls = Group[Call, Reply](self.call_all)

    async def close(self) -> None:
        """Finish what waits, and disconnect."""
        await self._calls.close()
        await self._servers.close()

    async def command(self, *words: Word) -> Reply:
        """Send one command, whose second word is a key. Raise `StoreUnavailable` where it fails."""
        return await self._calls.submit(Call(None, (), words))

    async def call(self, script: Script, keys: Sequence[str], *arguments: Word) -> Reply:
        """Run one script. Raise `StoreUnavailable` where it fails."""
        return await self._calls.submit(Call(script, keys, arguments))

    # Rounds

    async def call_all(self, calls: Sequence[Call]) -> list[Reply | StoreUnavailable]:
        """Make calls, each atomic by itself, in their order wherever they go to one Redis, and in one go."""
        async with self._guard():
            replies = await self._run_all(calls)
            if self._servers.moves and any(isinstance(reply, MovedError) for reply in replies):
                self._servers.doubt()
                await self._look()
                await self._again(MovedError, calls, replies, self._run_all)
            for reply in replies:
                if isinstance(reply, ReadOnlyError | ClusterDownError) or _is_lost(reply):
                    self._servers.doubt()
        return [
            StoreUnavailable(self._explain(reply)) if isinstance(reply, Exception) else reply for reply in replies
        ]

    async def _run_all(self, calls: Sequence[Call]) -> Replies:
        """Make each call where its keys are. What cannot be reached is the reply, unless there is nothing else."""
        places: dict[Redis, list[int]] = {}
        for index, call in enumerate(calls):
            places.setdefault(self._servers.of(call.key), []).append(index)
        if len(places) == 1:
            return await self._run(next(iter(places)), calls)
        answers = await asyncio.gather(
            *(self._run(client, [calls[index] for index in indices]) for client, indices in places.items()),
            return_exceptions=True,
        )
        replies: Replies = [None] * len(calls)
        for indices, answer in zip(places.values(), answers, strict=True):
            if isinstance(answer, BaseException) and not _is_lost(answer):
                raise answer
            found = [answer] * len(indices) if isinstance(answer, Exception) else cast(Replies, answer)
            for index, reply in zip(indices, found, strict=True):
                replies[index] = reply
        return replies

    async def _run(self, client: Redis, calls: Sequence[Call]) -> Replies:
        replies = await self._pipeline(client, calls, by_digest=True)

        async def with_text(unknown: Sequence[Call]) -> Replies:
            return await self._pipeline(client, unknown, by_digest=False)

        await self._again(NoScriptError, calls, replies, with_text)
        return replies

    async def _again(
        self,
        error: type[ResponseError],
        calls: Sequence[Call],
        replies: Replies,
        make: Callable[[Sequence[Call]], Awaitable[Replies]],
    ) -> None:
        """Make those calls in another way that were refused by an error which means that they have not run."""
        refused = [index for index, reply in enumerate(replies) if isinstance(reply, error)]
        if refused:
            for index, reply in zip(refused, await make([calls[index] for index in refused]), strict=True):
                replies[index] = reply

    async def _pipeline(self, client: Redis, calls: Sequence[Call], *, by_digest: bool) -> Replies:
        async with client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(*call.words(by_digest=by_digest))  # pyright: ignore[reportUnknownMemberType]
            return cast(Replies, await pipeline.execute(raise_on_error=False))

    async def keys(self, pattern: str) -> AsyncIterator[bytes]:
        """All keys that match; one may come twice."""
        async with self._guard():
            clients = self._servers.all()
        for client in clients:
            scan = cast("Scan", client.scan_iter)  # pyright: ignore[reportUnknownMemberType]
            keys = scan(pattern, 500, "HASH")
            while True:
                async with self._guard():
                    key = await anext(keys, None)
                if key is None:
                    break
                yield key

    # Trouble

    @asynccontextmanager
    async def _guard(self) -> AsyncGenerator[None]:
        self._backoff.check()
        try:
            await self._look()
            if not self._is_checked:
                await self._check_version()
            yield
        except (RedisError, OSError, TimeoutError) as error:
            self._is_checked = False  # It may be another one that comes back.
            self._servers.doubt()
            raise self._backoff.failed(self._explain(error)) from error
        self._backoff.worked()

    async def _look(self) -> None:
        if self._servers.moves:
            async with self._looking:
                await self._servers.look()

    async def _check_version(self) -> None:
        client = self._servers.of(self._version_key)
        await client.set(self._version_key, self._version, nx=True)
        found = cast("bytes | None", await client.get(self._version_key))
        if found is not None and int(found) > self._version:
            raise StoreUnusable(
                f"The history in Redis at {self.place} was written by a newer Hubbub: its version is "
                f"{int(found)}, and this one knows up to {self._version}. Upgrade Hubbub, or give it another "
                "prefix or database."
            )
        self._is_checked = True

    def _explain(self, error: BaseException) -> str:
        reason = (str(error) or type(error).__name__).rstrip(".")
        return f"Redis at {self.place} cannot be used: {reason}. {self._remedy(error)}"

    def _remedy(self, error: BaseException) -> str:
        if isinstance(error, AuthenticationError) or "NOAUTH" in str(error):
            return "Look at user and password in the url."
        if isinstance(error, NoPermissionError):
            return "Give its user in Redis what docs/cluster.md lists."
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "Name the certificate authority in the url: ?ssl_ca_certs=FILE."
        if isinstance(error, MovedError) and not self._servers.moves:
            return "It is one of a Redis Cluster: write redis: {cluster: true} for the history."
        return "Look whether it runs, and at its log."


def _is_lost(reply: object) -> bool:
    return isinstance(reply, RedisError | OSError) and not isinstance(reply, ResponseError)
