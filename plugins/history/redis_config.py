"""The options of the redis store."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator


class InSentinels(BaseModel):
    """Who knows which Redis is the master."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: list[str] = Field(
        min_length=1, examples=[["10.0.0.1:26379"]], description="the Sentinels, each as host:port"
    )
    master: str = Field(min_length=1, examples=["mymaster"], description="name under which they know the master")
    password: SecretStr | None = Field(default=None, description="password of the Sentinels, where they have one")

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not re.fullmatch(r"(\[[^\s\[\]]+\]|[^\s:/@\[\]]+):0*[1-9][0-9]{0,4}", host):
                raise ValueError("expected host:port, such as 10.0.0.1:26379")
        return hosts


class InRedis(BaseModel):
    """What Redis that is, where it is not a single one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sentinel: InSentinels | None = Field(
        default=None,
        description="Sentinels that say which Redis is the master; then only the rest of the url counts",
    )
    cluster: bool = Field(default=False, description="whether this is a Redis Cluster; the url names one of it")

    @field_validator("cluster")
    @classmethod
    def _has_no_sentinel(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("sentinel") is not None:
            raise ValueError("a Redis Cluster has no Sentinels: take out one of the two")
        return value
