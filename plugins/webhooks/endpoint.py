"""The receiver, over HTTP: posts one batch and says what the answer means."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import aiohttp
from yarl import URL

from .payload import Batch
from .signature import signatures

READ_AT_MOST = 4096
READ_SECONDS = 1.0
"""What is read of a body, which nobody needs: enough to use the connection again after a short one."""
MAY_PASS = frozenset({408, 425, 429})
"""Statuses below 500 that say nothing against the batch itself (RFC 9110 section 15.5.9, RFC 8470, RFC 6585)."""


class Answer(NamedTuple):
    """What became of one attempt. ``reason`` holds nothing that the receiver could have written."""

    verdict: Literal["accepted", "failed", "refused"]
    """``failed`` is worth another attempt, ``refused`` is not."""
    reason: str
    retry_after: float | None = None
    """Seconds that the receiver asked for."""


class Endpoint:
    """One URL, one connection at a time."""

    def __init__(self, url: str, keys: Sequence[bytes], timeout: float) -> None:
        """``timeout`` is for a whole request, in seconds."""
        self._url = URL(url)
        self._keys = keys
        self._timeout = timeout
        self._opened: aiohttp.ClientSession | None = None

    async def post(self, batch: Batch) -> Answer:
        """Send ``batch``, signed anew; whatever goes wrong is in the answer."""
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Hubbub",
            "webhook-id": batch.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(self._keys, batch.id, timestamp, batch.body),
        }
        try:
            request = self._session.post(
                self._url, data=io.BytesIO(batch.body), headers=headers, allow_redirects=False
            )
            async with request as response:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(READ_SECONDS):
                        await response.content.read(READ_AT_MOST)
                return judge(response.status, response.headers.get("Retry-After"))
        except Exception as error:  # Nothing that a receiver does may end the deliveries.
            return Answer("failed", self._reason(error))

    async def close(self) -> None:
        """Give back the connection."""
        if self._opened is not None:
            await self._opened.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._opened

    def _reason(self, error: Exception) -> str:
        """Why there was no answer, without text of others: what a receiver writes has no place in a log."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} seconds"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            failure = error.certificate_error
            detail = failure.verify_message if isinstance(failure, ssl.SSLCertVerificationError) else "unusable"
            return f"its TLS certificate is not accepted: {detail.rstrip('.')}"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "its host name cannot be resolved"
        if isinstance(error, aiohttp.ClientConnectorError):
            number = error.os_error.errno
            return f"cannot connect: {os.strerror(number) if number else type(error.os_error).__name__}"
        return f"the connection failed: {type(error).__name__}"


def judge(status: int, retry_after: str | None) -> Answer:
    """What a status code means for the batch."""
    if 200 <= status < 300:
        return Answer("accepted", f"it answered {status}")
    if status >= 500 or status in MAY_PASS:
        return Answer("failed", f"it answered {status}", seconds_of(retry_after))
    if 300 <= status < 400:
        return Answer(
            "refused", f"it answered {status}, and redirects are not followed: put the final URL into url"
        )
    return Answer("refused", f"it answered {status}")


def seconds_of(retry_after: str | None) -> float | None:
    """How long a ``Retry-After`` says to wait (RFC 9110 section 10.2.3); None where it says nothing useful."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
