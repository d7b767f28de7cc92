"""The options of `nats`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr, ValidationInfo, field_validator

from ...core import PluginConfig

EXPECTED = "expected one such as nats://host:4222, or tls://host:4222"

_MARKS = {"credentials": (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED"), "ca_file": (b"BEGIN CERTIFICATE",)}
"""What the files have in them that the options name."""


def _server(url: str) -> str:
    # What is wrong is told without the text itself, which may have a password in it.
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
        parts = None
    if (
        parts is None
        or not is_url
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
        or re.search(r"\s", url)
    ):
        raise ValueError(f"not the URL of a NATS server: {EXPECTED}")
    if "@" in parts.netloc:
        raise ValueError("write user and password, or token, as options of their own, not into the URL")
    return url if parts.port is not None else f"{parts.scheme}://{parts.netloc.rstrip(':')}:4222"


class NatsConfig(PluginConfig):
    """The options of `nats`."""

    servers: list[Annotated[str, AfterValidator(_server)]] = Field(
        default=["nats://localhost:4222"],
        min_length=1,
        description="where NATS listens, nats:// or tls://; of a cluster several, of which one is used at a time",
    )
    user: str | None = Field(default=None, min_length=1, description="user to log in as")
    password: SecretStr | None = Field(default=None, description="password of the user")
    token: SecretStr | None = Field(default=None, description="token to log in with, in place of a user")
    credentials: Path | None = Field(
        default=None, description="file of a JWT and its key to log in with, as nsc writes it"
    )
    nkey: SecretStr | None = Field(default=None, description="seed of an NKey to log in with; it begins with SU")
    ca_file: Path | None = Field(
        default=None, description="certificates that vouch for NATS, in PEM; without it, the system's"
    )
    prefix: str = Field(
        default="hubbub",
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        description="first part of all subjects; servers with the same one belong together",
    )
    timeout: float = Field(
        default=3.0, gt=0, description="seconds that an answer may take until NATS counts as away"
    )
    max_reconnect_seconds: float = Field(
        default=2.0, gt=0, description="longest pause between two attempts to connect again"
    )
    max_queue_bytes: ByteSize = Field(
        default=ByteSize(16 * 1024 * 1024),
        ge=1024,
        description="bytes that may wait for NATS; beyond it publishing is refused with unavailable",
    )

    @field_validator("password")
    @classmethod
    def _has_a_user(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("user", "") is None:
            raise ValueError("whose password is this? Write the user as well")
        return value

    @field_validator("token", "credentials", "nkey")
    @classmethod
    def _is_the_only_way(cls, value: SecretStr | Path | None, info: ValidationInfo) -> SecretStr | Path | None:
        others = [each for each in ("user", "token", "credentials", "nkey") if info.data.get(each) is not None]
        if value is not None and others:
            raise ValueError(f"there is {others[0]} as well: keep one way to log in")
        return value

    @field_validator("credentials", "ca_file")
    @classmethod
    def _can_be_read(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None:
            try:
                content = value.read_bytes()
            except OSError as error:
                raise ValueError(f"{value} cannot be read: {error.strerror}") from None
            marks = _MARKS[info.field_name or ""]
            if not all(mark in content for mark in marks):
                raise ValueError(f"{value} is no such file: it has no {marks[0].decode()}")
        return value

    @field_validator("nkey")
    @classmethod
    def _is_a_seed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"SU[A-Z2-7]{56}", value.get_secret_value()):
            raise ValueError("not the seed of a user's NKey: that is SU and 56 more capitals and digits")
        return value
