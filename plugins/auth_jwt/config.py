"""The options of `auth_jwt`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from ...core import PluginConfig
from .keys import Algorithm, Keys, read_keys


class AuthJwtConfig(PluginConfig):
    """The options of `auth_jwt`."""

    algorithms: list[Algorithm] = Field(
        min_length=1,
        examples=[["RS256"]],
        description="what tokens may be signed with: HS256 alone, or any of RS256, ES256, EdDSA and Ed25519",
    )
    key: SecretStr | None = Field(
        default=None, description="the secret of HS256, or public keys as PEM, a JSON Web Key, or a set of these"
    )
    key_file: Path | None = Field(default=None, description="path of a file that holds what key would")
    jwks_url: str | None = Field(
        default=None, repr=False, description="URL of the JSON Web Key Set of whoever signs the tokens"
    )
    jwks_refresh: float = Field(
        default=300.0, ge=2, description="seconds after which the key set is fetched again"
    )
    jwks_timeout: float = Field(default=3.0, gt=0, description="seconds that fetching the key set may take")
    jwks_max_stale: float = Field(
        default=86400.0, ge=0, description="seconds for which the last key set counts while its URL fails"
    )
    audience: str | list[str] | None = Field(
        default=None,
        description="names of this server, one of which aud must have; absent: only tokens without aud",
    )
    issuer: str | list[str] | None = Field(
        default=None, description="whose tokens are accepted, by iss; absent: anybody's whose signature is good"
    )
    leeway: float = Field(
        default=10.0, ge=0, le=600, description="seconds by which the clocks of signer and server may differ"
    )
    user_claim: str = Field(default="sub", min_length=1, description="claim that is the user name")
    groups_claim: str = Field(
        default="groups", min_length=1, description="claim that lists groups, such as realm_access.roles"
    )
    rooms_claim: str = Field(
        default="rooms",
        min_length=1,
        description="claim of the rights to rooms: rights by room pattern, or a list of patterns with every right",
    )
    required: bool = Field(
        default=True,
        description="false: who has no token comes in as a guest; a bad token is refused all the same",
    )
    require_expiry: bool = Field(default=True, description="whether a token without exp is refused")
    unknown_tokens: Literal["refuse", "next"] = Field(
        default="refuse",
        description="what becomes of a token that is no JWT: refuse it, or leave it to the next plugin that "
        "authenticates",
    )

    @field_validator("algorithms")
    @classmethod
    def _do_not_mix(cls, algorithms: list[Algorithm]) -> list[Algorithm]:
        if "HS256" in algorithms and len(set(algorithms)) > 1:
            raise ValueError("HS256 stands alone: its secret signs, the other algorithms' keys only check.")
        return algorithms

    @field_validator("key")
    @classmethod
    def _is_usable(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is not None and "algorithms" in info.data:
            read_keys(key.get_secret_value(), info.data["algorithms"])
        return key

    @field_validator("key_file")
    @classmethod
    def _holds_keys(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and "algorithms" in info.data:
            read_keys(_read(path), info.data["algorithms"])
        return path

    @field_validator("jwks_url")
    @classmethod
    def _can_be_fetched(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # Not chained: a URL may hold a password.
            is_usable = False
        if not is_usable or not url.isascii() or any(map(str.isspace, url)):
            raise ValueError("not a URL: expected one such as https://id.example.com/.well-known/jwks.json.")
        if "HS256" in info.data.get("algorithms", ()):
            raise ValueError("HS256 needs a secret, and what has a URL is none: use key or key_file.")
        return url

    def static_keys(self) -> Keys | None:
        """The keys of ``key`` or ``key_file``, if there is one. Raise `ValueError` where none can be read."""
        if self.key is not None:
            return read_keys(self.key.get_secret_value(), self.algorithms)
        return None if self.key_file is None else read_keys(_read(self.key_file), self.algorithms)

    @property
    def audiences(self) -> frozenset[str]:
        """Who this server is."""
        return frozenset([self.audience] if isinstance(self.audience, str) else self.audience or ())

    @property
    def issuers(self) -> frozenset[str]:
        """Whose tokens are accepted; empty: anybody's."""
        return frozenset([self.issuer] if isinstance(self.issuer, str) else self.issuer or ())


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text; write the key as PEM") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror}. Where the server runs, {path.absolute()} is meant"
        ) from None
