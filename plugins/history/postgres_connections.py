"""Connections to PostgreSQL: made when they are needed, given up when something is wrong."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from .backoff import Backoff
from .postgres_schema import Connection, migrate, renew_after_restart
from .store import StoreUnusable

T = TypeVar("T")

CANCEL_TIMEOUT = 0.5


class Connections:
    """At most so many; work waits for a free one."""

    def __init__(self, url: str, *, most: int, timeout: float) -> None:
        """``timeout`` is how many seconds connecting, and each work, may take."""
        try:
            parameters = conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # Its text may have the password in it.
            raise ValueError(
                "The URL of the history's PostgreSQL is not one: write postgresql://user:password@host:5432/database"
            ) from None
        self._url = url
        self._place = f"{parameters.get('host', 'its local socket')}"
        self._timeout = timeout
        self._free = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._backoff = Backoff()

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do ``work`` with a connection that nobody else uses. Raise `StoreUnavailable` where that fails."""
        async with self._free:
            self._backoff.check()
            connection = None
            try:
                connection = self._take() or await self._connect()
                result = await self._within_timeout(connection, work)
            except (psycopg.Error, OSError, TimeoutError) as error:
                await self.close()  # What broke one of them has broken others.
                raise self._backoff.failed(self._explain(error)) from error
            except StoreUnusable as error:
                self._backoff.failed(str(error))
                raise
            else:
                self._idle.append(connection)
                connection = None
                self._backoff.worked()
                return result
            finally:
                if connection is not None:
                    await connection.close()

    async def close(self) -> None:
        """Close the connections that are not in use."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.pgconn.finish()  # It was not asked anything: this is the server's farewell.
        return None

    async def _connect(self) -> Connection:
        connection = await AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=max(2, round(self._timeout))
        )
        try:
            await self._within_timeout(connection, migrate)
            await self._within_timeout(connection, renew_after_restart)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _within_timeout(self, connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def call() -> T:
            return await work(connection)

        task = asyncio.create_task(call())
        try:
            done, _ = await asyncio.wait((task,), timeout=self._timeout)
            if not done:
                raise TimeoutError(f"no answer within {self._timeout:g} seconds")
        except BaseException:
            # Being cancelled, psycopg asks the server to stop as well; cancelled again, it does not wait for that.
            task.cancel()
            await asyncio.wait((task,), timeout=CANCEL_TIMEOUT)
            task.cancel()
            raise
        return task.result()

    def _explain(self, error: Exception) -> str:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"PostgreSQL at {self._place} cannot be used: {reason}. Look whether it runs, and at its log."
