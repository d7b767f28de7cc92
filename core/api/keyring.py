"""Who calls: the API key of a request, and a bound on guesses."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from .config import ApiKey
from .problems import ApiError

logger = logging.getLogger(__name__)

MOST_FAILURES = 20
WINDOW = 60.0
"""Seconds in which an address may come with `MOST_FAILURES` wrong keys before it is told to wait."""

MOST_ADDRESSES = 10_000

_HOW = "Send the header Authorization: Bearer <API key>."
_CHALLENGE = 'Bearer realm="hubbub"'


class Keyring:
    """The API keys of the config."""

    def __init__(self, keys: Iterable[ApiKey], now: Callable[[], float]) -> None:
        self._keys = [(each.digest, each) for each in keys]
        self._strangers = Strangers(now)

    @property
    def is_empty(self) -> bool:
        """Whether nobody may call."""
        return not self._keys

    def authenticate(self, headers: Sequence[tuple[bytes, bytes]], address: str) -> ApiKey:
        """The key of a request. Raise `ApiError` 401 where it has none or a wrong one, 429 after too many.

        A right key opens at any time: those who guess must not be able to lock others out who share their address.
        """
        told = [value for name, value in headers if name == b"authorization"]
        if not told:
            raise _unauthorized(f"An API key is needed. {_HOW}")
        scheme, _, token = told[0].partition(b" ")
        if len(told) > 1 or scheme.lower() != b"bearer" or not token.strip():
            raise _unauthorized(f"The header Authorization is not understood. {_HOW}")
        found = self._find(token.strip())
        if found is None:
            self._strangers.note_failure(address)
            raise _unauthorized(
                "This API key is not known: the ones that are stand under api.keys.", "invalid_token"
            )
        return found

    def _find(self, token: bytes) -> ApiKey | None:
        """Compare with all of them, by their hashes: how long it takes says nothing about any."""
        digest = hashlib.sha256(token).digest()
        found = None
        for known, key in self._keys:
            if hmac.compare_digest(known, digest):
                found = key
        return found


class Strangers:
    """How often each address has come with a wrong key lately."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note_failure(self, address: str) -> None:
        """Count a wrong key. Raise `ApiError` 429 where there were too many."""
        now = self._now()
        count, since = self._failures.get(address, (0, now))
        if now - since >= WINDOW:
            del self._failures[address]
            count, since = 0, now
        count += 1
        self._failures[address] = (count, since)
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)
        if count <= MOST_FAILURES:
            logger.warning("a request from %s to the HTTP API had a wrong API key", address or "a Unix socket")
        else:
            wait = since + WINDOW - now
            raise ApiError(429, "rate_limited", "Too many wrong API keys from your address.", retry_after=wait)


def _unauthorized(detail: str, error: str = "") -> ApiError:
    challenge = f'{_CHALLENGE}, error="{error}"' if error else _CHALLENGE
    return ApiError(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
