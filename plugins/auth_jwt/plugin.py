"""Lets in who has a good token."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Mapping
from functools import partial
from urllib.parse import urlsplit

from ...core import Handshake, Identity, Plugin, Rejected, hookimpl
from .claims import Claims
from .config import AuthJwtConfig
from .key_source import KeySource
from .keys import Keys
from .signature import Signatures, UnknownKeyError, looks_like_jwt, refused

logger = logging.getLogger(__name__)

SHARE_OF_HOOK_TIMEOUT = 0.8
"""How much of the time that a hook has may go by waiting for keys."""


class AuthJwt(Plugin[AuthJwtConfig]):
    """Takes JSON Web Tokens as credentials: the user, groups and rights to rooms are what they claim."""

    def __init__(self, config: AuthJwtConfig, overrides: Mapping[str, AuthJwtConfig] | None = None) -> None:
        super().__init__(config, overrides)
        for pattern in overrides or ():
            raise ValueError(
                f"who somebody is does not depend on the room; remove it from rooms.options.{pattern}"
            )
        if sum(each is not None for each in (config.key, config.key_file, config.jwks_url)) != 1:
            raise ValueError("say what signatures are checked with: exactly one of key, key_file and jwks_url")
        self._static_keys = config.static_keys()
        self._signatures = Signatures(config.algorithms)
        self._claims = Claims(config)
        self._source: KeySource | None = None

    @hookimpl
    async def startup(self) -> None:
        """Fetch the keys. The server starts without them, too: until they come, clients are told to try again."""
        config, url = self.config, self.config.jwks_url
        if url is None:
            return
        from .fetch import fetch  # Only here, as aiohttp takes long to import.

        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            logger.warning("jwks_url is not https: whoever is on the way can sign tokens for everybody")
        self._source = KeySource(
            partial(fetch, url, config.jwks_timeout),
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
            config.algorithms,
            refresh=config.jwks_refresh,
            max_stale=config.jwks_max_stale,
        )
        await self._source.fetched(self._patience)

    @hookimpl
    async def shutdown(self) -> None:
        """Fetch no more keys."""
        if self._source is not None:
            await self._source.close()

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Awaitable[Identity] | Identity | None:
        """Say who has signed whom the token names, or refuse it."""
        token = handshake.token
        if token is None:
            if self.config.required:
                raise refused("A token is required here, and none has come, as in ?token=… of the URL.")
            return None
        if self.config.unknown_tokens == "next" and not looks_like_jwt(token):
            return None
        try:
            return self._identify(token, self._keys())
        except UnknownKeyError:
            if self._source is None:
                raise refused("The signature of the token is wrong.") from None
        return self._identify_by_new_keys(token, self._source)

    def _identify(self, token: str, keys: Keys) -> Identity:
        return self._claims.identify(self._signatures.claims_of(token, keys))

    async def _identify_by_new_keys(self, token: str, source: KeySource) -> Identity:
        """Judge a token by keys that were fetched after it came: those who sign it may have a new one."""
        until = self.manager.now() + self._patience
        if source.is_fetching and await source.fetched(self._patience):
            # Begun before the token came, but most probably its key is in there already.
            with contextlib.suppress(UnknownKeyError):
                return self._identify(token, self._keys())
        if not await source.fetch_again(until - self.manager.now()):
            raise _unavailable()
        try:
            return self._identify(token, self._keys())
        except UnknownKeyError:
            raise refused("The signature of the token is wrong.") from None

    def _keys(self) -> Keys:
        keys = self._static_keys or (self._source and self._source.keys)
        if not keys:
            raise _unavailable()
        return keys

    @property
    def _patience(self) -> float:
        limit = self.config.hook_timeout or self.manager.config.hook_timeout
        return limit * SHARE_OF_HOOK_TIMEOUT


def _unavailable() -> Rejected:
    return Rejected("unavailable", "Tokens cannot be checked at the moment; come back soon.", retry_after=5.0)
