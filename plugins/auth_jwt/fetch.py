"""Fetches the document at a URL, within bounds."""

from __future__ import annotations

import os
import ssl

import aiohttp
from yarl import URL

from .key_source import FetchError

LARGEST = 512 * 1024
"""Bytes of a key set."""


async def fetch(url: str, timeout: float) -> bytes:  # noqa: ASYNC109 # for the whole request, as aiohttp means it
    """The document at ``url``, within ``timeout`` seconds. Raise `FetchError`. Redirects are not followed."""
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.get(
                URL(url),
                allow_redirects=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Hubbub"},
            ) as response,
        ):
            return await _document(response)
    except TimeoutError:
        raise FetchError(f"no answer within {timeout:g} seconds") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchError(_reason(error)) from None


async def _document(response: aiohttp.ClientResponse) -> bytes:
    if 300 <= response.status < 400:
        raise FetchError(f"it answered {response.status}, and redirects are not followed: write the final URL")
    if response.status != 200:
        raise FetchError(f"it answered {response.status}")
    document = bytearray()
    async for part in response.content.iter_any():
        document += part
        if len(document) > LARGEST:
            raise FetchError(f"its answer is longer than {LARGEST} bytes")
    return bytes(document)


def _reason(error: Exception) -> str:
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
