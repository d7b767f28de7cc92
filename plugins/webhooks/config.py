"""The options of `webhooks`."""

from __future__ import annotations

import fnmatch
import re
from functools import cached_property
from typing import Literal

from pydantic import ByteSize, Field, SecretStr, field_validator
from yarl import URL

from ...core import PluginConfig
from .signature import key_of

EventName = Literal["connected", "disconnected", "joined", "left", "occupied", "vacated", "published"]


class WebhooksConfig(PluginConfig):
    """The options of `webhooks`."""

    url: str = Field(
        repr=False, examples=["https://example.com/hubbub"], description="http or https URL that gets the events"
    )
    secret: SecretStr = Field(
        examples=["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
        description="key of the signatures: 24 to 64 random bytes in base64, as openssl rand -base64 32 makes; "
        "whsec_ may stand before it",
    )
    previous_secret: SecretStr | None = Field(
        default=None, description="key that signs as well, while the receiver changes from it to a new one"
    )
    events: list[EventName] = Field(
        default=["connected", "disconnected", "joined", "left", "occupied", "vacated"],
        description="what is told; published, which holds what people say, only where it is listed",
    )
    rooms: list[str] = Field(
        default=["*"], description="room patterns; of rooms that match none of them nothing is told"
    )
    batch_size: int = Field(default=100, ge=1, description="events in one request at most")
    batch_bytes: ByteSize = Field(
        default=ByteSize(256 * 1024),
        ge=1024,
        description="bytes of events in one request; a larger event goes alone",
    )
    batch_seconds: float = Field(
        default=1.0, ge=0, description="seconds that an event waits for others to go with it"
    )
    timeout: float = Field(default=15.0, gt=0, description="seconds that one request may take")
    max_queue: int = Field(
        default=10_000, ge=1, description="events that may wait; beyond it the oldest are dropped, and counted"
    )
    max_queue_bytes: ByteSize = Field(
        default=ByteSize(16 * 1024 * 1024), ge=64 * 1024, description="bytes of events that may wait"
    )
    retry_seconds: float = Field(
        default=1.0, gt=0, description="longest wait before the second attempt; it doubles with each further one"
    )
    max_retry_seconds: float = Field(
        default=300.0, gt=0, description="longest wait between two attempts, even where Retry-After says more"
    )
    give_up_after: float | None = Field(
        default=3600.0, gt=0, description="seconds of failed attempts after which a batch is dropped; null: never"
    )
    flush_timeout: float = Field(
        default=3.0,
        ge=0,
        description="seconds that a shutdown waits for what is not sent yet; less where hook_timeout is shorter",
    )

    @field_validator("url")
    @classmethod
    def _can_be_posted_to(cls, url: str) -> str:
        try:
            parsed = URL(url)
            is_usable = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.fragment
        except ValueError:  # Not chained: a URL may hold a password.
            is_usable = False
        if not is_usable or any(map(str.isspace, url)):
            raise ValueError("not a URL to post to: expected one such as https://example.com/hubbub.")
        return url

    @field_validator("secret", "previous_secret")
    @classmethod
    def _is_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What signs, the current key first."""
        secrets = (self.secret, self.previous_secret)
        return tuple(key_of(secret.get_secret_value()) for secret in secrets if secret is not None)

    def tells(self, event: EventName, room: str) -> bool:
        """Whether ``event`` in ``room`` is to be told."""
        return event in self.events and self._rooms.match(room) is not None

    @cached_property
    def _rooms(self) -> re.Pattern[str]:
        return re.compile("|".join(map(fnmatch.translate, self.rooms)) or r"(?!)")
