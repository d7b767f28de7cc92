"""The options of `auth_http`."""

from __future__ import annotations

from pydantic import Field, field_validator
from yarl import URL

from ...core import PluginConfig


class AuthHttpConfig(PluginConfig):
    """The options of `auth_http`."""

    url: str = Field(
        repr=False,
        examples=["https://example.com/auth"],
        description="http or https URL that is asked: POST with token, user, room, address and headers as JSON",
    )
    timeout: float = Field(
        default=3.0, gt=0, description="seconds that an answer may take; less where hook_timeout is shorter"
    )
    cache_seconds: float = Field(
        default=10.0, ge=0, description="seconds for which an answer counts for the same question; 0: never again"
    )
    max_cached: int = Field(default=10_000, ge=1, description="answers that are remembered")
    max_concurrent: int = Field(default=50, ge=1, description="questions that are asked at the same time")
    max_waiting: int = Field(
        default=1000,
        ge=0,
        description="questions that may wait for their turn; beyond it clients are told to come back",
    )
    forward_headers: list[str] = Field(
        default=[], description="headers of the client that the backend is told, such as cookie"
    )
    required: bool = Field(
        default=True,
        description="false: who has no token and none of forward_headers comes in as a guest, and nobody is asked",
    )

    @field_validator("url")
    @classmethod
    def _can_be_asked(cls, url: str) -> str:
        try:
            parsed = URL(url)
            is_usable = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.fragment
        except ValueError:  # Not chained: a URL may hold a password.
            is_usable = False
        if not is_usable or any(map(str.isspace, url)):
            raise ValueError("not a URL to post to: expected one such as https://example.com/auth.")
        return url

    @field_validator("forward_headers")
    @classmethod
    def _are_lower_case(cls, names: list[str]) -> list[str]:
        return [name.lower() for name in names]
