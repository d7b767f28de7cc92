"""The section `api:` of config.yaml: the keys that open the HTTP API, and its limits."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, ByteSize, Field, PrivateAttr, SecretStr, field_validator, model_validator

from ..config_section import Bytes, Count, Seconds, Section

Scope: TypeAlias = Literal["publish", "notify", "read", "control"]

SHORTEST_KEY = 32
HOW_TO_MAKE_ONE = "Make one with: openssl rand -hex 32"
EVERY_ROOM = "*"

_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What an ``Authorization: Bearer`` header can carry (RFC 6750 section 2.1)."""


def _nothing_is_no_key(value: object) -> object:
    # A list whose lines are all commented out reads as null.
    return [] if value is None else value


class ApiKey(Section):
    """One key of the HTTP API: who has it, and what it may do."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="who has the key: stands in the log, and is the user of what it publishes without naming one",
        examples=["backend"],
    )
    key: SecretStr = Field(
        description="the key, best as !env NAME, or sha256: and its hash in hex; make one: openssl rand -hex 32",
        examples=["sha256:" + "0" * 64],
    )
    scopes: list[Scope] = Field(
        min_length=1,
        description="what it may do: publish, notify, read (rooms, users, history), control (disconnect, remove)",
        examples=[["publish"]],
    )
    rooms: list[str] = Field(
        default=[EVERY_ROOM],
        min_length=1,
        description="patterns of the rooms in which it may do it; what is not about a room takes *",
    )

    _rooms: re.Pattern[str] = PrivateAttr()

    def model_post_init(self, _context: object, /) -> None:
        """Compile the patterns once."""
        self._rooms = re.compile("|".join(fnmatch.translate(pattern) for pattern in self.rooms))

    @field_validator("key")
    @classmethod
    def _is_strong(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text.startswith("sha256:"):
            if _HASH.fullmatch(text) is None:
                raise ValueError("after sha256: comes the SHA-256 of the key, in 64 hex digits")
        elif len(text) < SHORTEST_KEY:
            raise ValueError(
                f"a key has at least {SHORTEST_KEY} characters, and this one has {len(text)}. {HOW_TO_MAKE_ONE}"
            )
        elif _SENDABLE.fullmatch(text) is None:
            raise ValueError(f"a key has only letters, digits and - . _ ~ + / in it. {HOW_TO_MAKE_ONE}")
        return key

    def is_for(self, room: str) -> bool:
        """Whether one of the patterns matches ``room``."""
        return self._rooms.match(room) is not None

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key."""
        text = self.key.get_secret_value()
        given = _HASH.fullmatch(text)
        return bytes.fromhex(given[1]) if given else hashlib.sha256(text.encode()).digest()


class ApiConfig(Section):
    """`api:`: who may use the HTTP API. Without a key it is off."""

    keys: Annotated[list[ApiKey], BeforeValidator(_nothing_is_no_key)] = Field(
        default_factory=list[ApiKey], description="the API keys; without one the HTTP API is off"
    )
    max_body: Bytes = Field(
        default=ByteSize(1024 * 1024), ge=1024, le=64 * 1024 * 1024, description="bytes in the body of a request"
    )
    max_batch: Count = Field(default=100, ge=1, le=10_000, description="operations in one batch")
    idempotency_seconds: Seconds = Field(
        default=86400.0, gt=0, description="how long the answer to an Idempotency-Key is remembered"
    )
    idempotency_keys: Count = Field(
        default=10_000, ge=1, description="how many of them are remembered for each API key, the newest"
    )

    @model_validator(mode="after")
    def _are_distinct(self) -> ApiConfig:
        names = [each.name for each in self.keys]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two keys are called {name!r}: give each a name of its own")
        if len({each.digest for each in self.keys}) < len(self.keys):
            raise ValueError("two entries have the same key: make one for each, or merge them")
        return self
