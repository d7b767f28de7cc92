"""Lets in who has a token of the file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from ...core import Handshake, Identity, Plugin, PluginConfig, Rejected, hookimpl
from .token_file import TokenFileError, digest_of, read_tokens, version_of

logger = logging.getLogger(__name__)


class AuthTokensConfig(PluginConfig):
    """The options of `auth_tokens`."""

    file: Path = Field(
        examples=["tokens.yaml"],
        description="path of a YAML list, or of JSON lines where it ends in .jsonl: user, sha256, and maybe "
        "groups, rooms, expires",
    )
    poll_seconds: float = Field(default=2.0, ge=0.1, description="seconds after which a change of it is noticed")
    required: bool = Field(
        default=True,
        description="false: who has no token comes in as a guest; a bad token is refused all the same",
    )
    unknown_tokens: Literal["refuse", "next"] = Field(
        default="refuse",
        description="what becomes of a token that is not in the file: refuse it, or leave it to the next plugin "
        "that authenticates",
    )


class AuthTokens(Plugin[AuthTokensConfig]):
    """Takes static tokens, such as API keys, as credentials; a file holds their hashes and who has them."""

    def __init__(self, config: AuthTokensConfig, overrides: Mapping[str, AuthTokensConfig] | None = None) -> None:
        super().__init__(config, overrides)
        for pattern in overrides or ():
            raise ValueError(
                f"who somebody is does not depend on the room; remove it from rooms.options.{pattern}"
            )
        self._version = version_of(config.file)
        self._tokens: Mapping[str, Identity] = read_tokens(config.file)

    @hookimpl
    def startup(self) -> None:
        """Look after the file."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    @hookimpl
    def shutdown(self) -> None:
        """Look no more."""
        self._watching.cancel()

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        """Say whose token it is, or refuse it."""
        token = handshake.token
        if token is None:
            if self.config.required:
                raise Rejected(
                    "unauthorized", "A token is required here, and none has come, as in ?token=… of the URL."
                )
            return None
        # Found by its hash: how long that takes tells nothing of the tokens that there are.
        identity = self._tokens.get(digest_of(token))
        if identity is None:
            if self.config.unknown_tokens == "next":
                return None
            raise Rejected("unauthorized", "Nobody has this token.")
        if identity.expires is not None and identity.expires <= datetime.now(UTC):
            raise Rejected("expired", "The token has expired: come back with a new one.")
        return identity

    def knows(self, token: str) -> bool:
        """Whether somebody has ``token``."""
        return digest_of(token) in self._tokens

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.config.poll_seconds)
            changed = await asyncio.to_thread(self.read_if_changed)
            if changed is not None:
                self.replace(changed)

    def read_if_changed(self) -> dict[str, Identity] | None:
        """What stands in the file, if it has changed and has no mistake. Logs a mistake, once for each change."""
        version = version_of(self.config.file)
        if version == self._version:
            return None
        self._version = version
        try:
            return read_tokens(self.config.file)
        except TokenFileError as error:
            logger.error("%s; what stood there before goes on", error)
        except Exception:
            logger.exception("reading %s", self.config.file)
        return None

    def replace(self, tokens: dict[str, Identity]) -> None:
        """Let ``tokens`` count from now on, for those who are connected as well."""
        before = self._tokens
        for digest, identity in before.items():
            if tokens.get(digest) == identity:
                tokens[digest] = identity  # The one that connections have.
        gone = {id(identity): digest for digest, identity in before.items() if tokens.get(digest) is not identity}
        self._tokens = tokens
        logger.info(
            "%d tokens in %s; %d of those before are gone or changed", len(tokens), self.config.file, len(gone)
        )
        for connection in list(self.manager.connections.values()):
            digest = gone.get(id(connection.identity))
            if digest in tokens:
                connection.close(1012, "The rights of your token have changed: come back with it.")
            elif digest is not None:
                connection.close(4001, "Your token was withdrawn.")
