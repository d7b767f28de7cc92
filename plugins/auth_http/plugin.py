"""Lets in whom the backend knows."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Mapping

from yarl import URL

from ...core import Handshake, Identity, Plugin, Rejected, hookimpl
from .answer import NoAnswerError, Refusal, Verdict, is_expired, verdict_of
from .backend import Backend
from .config import AuthHttpConfig
from .verdicts import Verdicts

logger = logging.getLogger(__name__)

LOG_EVERY = 10.0
"""Seconds after which it is told again that the backend does not answer."""
SHARE_OF_HOOK_TIMEOUT = 0.9
"""How much of the time that a hook has may go by waiting for the backend."""


class AuthHttp(Plugin[AuthHttpConfig]):
    """Asks a backend of yours, over HTTP, who is connecting."""

    def __init__(self, config: AuthHttpConfig, overrides: Mapping[str, AuthHttpConfig] | None = None) -> None:
        super().__init__(config, overrides)
        for pattern in overrides or ():
            raise ValueError(
                f"who somebody is does not depend on the room; remove it from rooms.options.{pattern}"
            )
        self._name = str(URL(config.url).with_user(None).with_query(None))
        self._told_at: float | None = None
        self._untold = 0

    @hookimpl
    def startup(self) -> None:
        """Get ready to ask."""
        config = self.config
        limit = config.hook_timeout or self.manager.config.hook_timeout
        self._verdicts = Verdicts(config.cache_seconds, config.max_cached)
        self._backend = Backend(
            config.url,
            timeout=min(config.timeout, limit * SHARE_OF_HOOK_TIMEOUT),
            max_concurrent=config.max_concurrent,
            max_waiting=config.max_waiting,
        )

    @hookimpl
    async def shutdown(self) -> None:
        """Ask no more."""
        self._verdicts.close()
        await self._backend.close()

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Awaitable[Identity] | None:
        """Say what the backend says, or refuse where it does not answer."""
        headers = {
            name: handshake.headers[name] for name in self.config.forward_headers if name in handshake.headers
        }
        if handshake.token is None and not headers:
            if self.config.required:
                raise Rejected(
                    "unauthorized", "A token is required here, and none has come, as in ?token=… of the URL."
                )
            return None
        return self._identify(handshake, headers)

    async def _identify(self, handshake: Handshake, headers: Mapping[str, str]) -> Identity:
        question = json.dumps(
            {
                "token": handshake.token,
                "user": handshake.query.get("user"),
                "room": handshake.room,
                "address": handshake.address,
                "headers": headers,
            }
        ).encode()
        credentials = [each for each in (handshake.token, *headers.values()) if each]

        async def ask() -> Verdict:
            return verdict_of(*await self._backend.ask(question), credentials)

        try:
            verdict = await self._verdicts.get(question, ask)
        except NoAnswerError as error:
            self._tell(str(error))
            raise Rejected("unavailable", "Nobody can be let in at the moment; come back soon.") from None
        if isinstance(verdict, Refusal):
            raise verdict.rejection()
        if is_expired(verdict):
            raise Rejected("expired", "The credentials have expired: come back with new ones.")
        return verdict

    def _tell(self, why: str) -> None:
        """Log that the backend does not answer, but not for each of thousands who come meanwhile."""
        now = self.manager.now()
        if self._told_at is not None and now - self._told_at < LOG_EVERY:
            self._untold += 1
            return
        more = f"; {self._untold} more since the last such line" if self._untold else ""
        logger.error("%s does not say who is connecting: %s%s", self._name, why, more)
        self._told_at, self._untold = now, 0
