"""The model of `server:`."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ByteSize, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from .client_address import parse_proxy
from .config_section import AnyCase, Bytes, Count, Seconds, Section
from .origins import parse_pattern


def _origin(text: str) -> str:
    parse_pattern(text)
    return text


def _proxy(text: str) -> str:
    parse_proxy(text)
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"[\w.:%-]+", text) or re.fullmatch(r"[^:]*:\d*", text):
        raise PydanticCustomError(
            "address", "Input should be an address or a name such as 0.0.0.0, without a scheme or a port"
        )
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise PydanticCustomError(
            "path", "Input should be a path such as /ws: a slash, then letters, digits and any of ._~-"
        )
    return text


class ServerConfig(Section):
    """`server:`: where the server listens, and the limits that protect it."""

    host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 means every one"
    )
    port: Count = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")
    path: Annotated[str, AfterValidator(_path)] = Field(
        default="/ws",
        description="URL path of the WebSocket, such as /ws; a room's name may follow it: /ws/lobby",
    )
    max_frame_size: Bytes = Field(
        default=ByteSize(64 * 1024),
        ge=128,
        le=64 * 1024 * 1024,
        description="bytes in one frame from a client; a larger one closes the connection with 1009",
    )
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(
        default_factory=list[str],
        description="origins of web pages that may connect, besides the server's own host: https://example.com, "
        "https://*.example.com for subdomains, * for all",
    )
    trusted_proxies: list[Annotated[str, AfterValidator(_proxy)]] = Field(
        default_factory=list[str],
        description="addresses and networks of proxies, or unix, that are believed about their clients' addresses",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="whether trusted proxies speak the PROXY protocol, version 1 or 2; then they must",
    )
    handshake_timeout: Seconds = Field(
        default=10.0, gt=0, le=3600, description="seconds that a client has to send a whole request"
    )
    max_handshakes: Count = Field(
        default=1_000,
        ge=1,
        description="connections that have not sent a whole request yet; beyond it the oldest of them are cut",
    )
    connects_per_minute_per_address: Count = Field(
        default=6_000, ge=1, description="connects of one IP address in a minute; the next is closed with 1013"
    )
    max_connections: Count = Field(default=10_000, ge=1, description="connections at the same time")
    max_connections_per_address: Count = Field(default=1_000, ge=1, description="connections from one IP address")
    max_connections_per_user: Count = Field(default=20, ge=1, description="connections of one user, as from tabs")
    max_rooms: Count = Field(default=100_000, ge=1, description="rooms with somebody in them at the same time")
    max_rooms_per_connection: Count = Field(default=50, ge=1, description="rooms that one connection may be in")
    max_members_per_room: Count = Field(default=10_000, ge=1, description="connections in one room")
    max_outgoing_buffer: Bytes = Field(
        default=ByteSize(1024 * 1024),
        ge=4096,
        description="bytes waiting for one connection before it counts as a slow consumer",
    )
    guest_names: Annotated[Literal["unique", "shared"], AnyCase] = Field(
        default="unique",
        description="unique: no guest gets the name of somebody online; shared: whoever asks for a name gets it",
    )
    compression: bool = Field(
        default=False,
        description="whether permessage-deflate is offered: less traffic for more work, once for each room",
    )
    transport: Annotated[Literal["auto", "portable"], AnyCase] = Field(
        default="auto",
        description="auto: the fast transport where the server has one; portable: plain ASGI, as on other servers",
    )
    id_window: Seconds = Field(
        default=300.0, ge=0, description="seconds in which what a user sends again with the same id is done once"
    )
    hook_timeout: Seconds = Field(default=5.0, gt=0, description="seconds that an async hook may take")
    inbox_size: Count = Field(
        default=64, ge=1, description="events of one connection that may wait for an async hook"
    )
    node: str = Field(
        default="",
        max_length=40,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="name of this server among others; empty: that of its machine",
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what all servers of a cluster know, best as !env NAME: guest keys are made from it, and hold "
        "on each of them and after a restart; absent: each server has one of its own, until it stops",
    )
    lease: Seconds = Field(
        default=5.0, ge=3, description="seconds without a sign of life after which another server counts as gone"
    )
    drain_timeout: Seconds = Field(default=10.0, ge=0, description="seconds from SIGTERM to the exit")

    @field_validator("proxy_protocol")
    @classmethod
    def _is_spoken_by_somebody(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("trusted_proxies") == []:
            raise ValueError("nobody is believed: list in server.trusted_proxies who speaks the PROXY protocol")
        return value
