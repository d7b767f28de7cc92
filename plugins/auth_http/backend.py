"""Asks the backend, over HTTP and within bounds."""

from __future__ import annotations

import asyncio
import os
import ssl

import aiohttp
from yarl import URL

from .answer import NoAnswerError

LARGEST = 64 * 1024
"""Bytes of an answer."""


class Backend:
    """One URL, a bounded number of questions at a time."""

    def __init__(self, url: str, *, timeout: float, max_concurrent: int, max_waiting: int) -> None:
        """``timeout`` is for a whole question in seconds, the wait for its turn included."""
        self._url = URL(url)
        self._timeout = timeout
        self._most = max_concurrent + max_waiting
        self._pending = 0
        self._turns = asyncio.Semaphore(max_concurrent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_concurrent),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),  # Ours is below.
        )

    async def ask(self, question: bytes) -> tuple[int, bytes]:
        """The status and the body that the backend answers. Raise `NoAnswerError`."""
        if self._pending >= self._most:
            raise NoAnswerError("more questions are waiting than max_concurrent and max_waiting allow")
        self._pending += 1
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                return await self._post(question)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {self._timeout:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(_reason(error)) from None
        finally:
            self._pending -= 1

    async def _post(self, question: bytes) -> tuple[int, bytes]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "Hubbub",
        }
        async with self._session.post(
            self._url, data=question, headers=headers, allow_redirects=False
        ) as response:
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > LARGEST:
                    raise NoAnswerError(f"its answer is longer than {LARGEST} bytes")
            return response.status, bytes(body)

    async def close(self) -> None:
        """Give back the connections."""
        await self._session.close()


def _reason(error: Exception) -> str:
    """Why there was no answer, without text of others: what a backend writes has no place in a log."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        failure = error.certificate_error
        detail = failure.verify_message if isinstance(failure, ssl.SSLCertVerificationError) else "unusable"
        return f"its TLS certificate is not accepted: {detail}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"cannot connect: {os.strerror(number) if number else type(error.os_error).__name__}"
    return f"the connection failed: {type(error).__name__}"
