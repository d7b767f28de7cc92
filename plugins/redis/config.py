"""The options of `redis`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from ...core import PluginConfig
from .endpoint import Endpoint, parse_host


def _host(text: str) -> str:
    parse_host(text)
    return text


class SentinelConfig(BaseModel):
    """Who knows which Redis is the master."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        min_length=1, examples=[["10.0.0.1:26379"]], description="the Sentinels, each as host:port"
    )
    master: str = Field(min_length=1, examples=["mymaster"], description="name under which they know the master")
    password: SecretStr | None = Field(default=None, description="password of the Sentinels, where they have one")


class RedisConfig(PluginConfig):
    """The options of `redis`."""

    url: SecretStr = Field(
        default=SecretStr("redis://localhost:6379"),
        description="redis://, rediss:// for TLS, or unix://; user:password@ before the host for ACL",
    )
    sentinel: SentinelConfig | None = Field(
        default=None,
        description="Sentinels that say which Redis is the master; then only the rest of the url counts",
    )
    cluster: bool = Field(
        default=False, description="whether this is a Redis Cluster, of Redis 7 or newer; the url names one of it"
    )
    prefix: str = Field(
        default="hubbub",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="first part of all channels; servers with the same one belong together",
    )
    timeout: float = Field(
        default=3.0, gt=0, description="seconds that an answer may take until Redis counts as away"
    )
    max_reconnect_seconds: float = Field(
        default=2.0, gt=0, description="longest pause between two attempts to connect again"
    )
    max_queue_bytes: ByteSize = Field(
        default=ByteSize(16 * 1024 * 1024),
        ge=1024,
        description="bytes that may wait for Redis; beyond it publishing is refused with unavailable",
    )

    @field_validator("url")
    @classmethod
    def _can_be_connected_to(cls, url: SecretStr) -> SecretStr:
        Endpoint(url.get_secret_value())
        return url

    @field_validator("sentinel")
    @classmethod
    def _has_no_socket(cls, value: SentinelConfig | None, info: ValidationInfo) -> SentinelConfig | None:
        url = info.data.get("url")
        if value is not None and isinstance(url, SecretStr) and url.get_secret_value().startswith("unix:"):
            raise ValueError("the master that Sentinels name is reached by host and port, not by a socket")
        return value

    @field_validator("cluster")
    @classmethod
    def _has_no_sentinel(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("sentinel") is not None:
            raise ValueError("a Redis Cluster has no Sentinels: take out one of the two")
        if value and isinstance(url := info.data.get("url"), SecretStr):
            text = url.get_secret_value()
            if text.startswith("unix:") or re.search(r"/0*[1-9]\d*(\?|$)|[?&]db=0*[1-9]", text):
                raise ValueError("a Redis Cluster is reached by host and port, and has the database 0 alone")
        return value
