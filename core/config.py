"""The models of config.yaml, and how a file and the environment become one checked `Config`."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .backlog import Policy
from .config_errors import ConfigError, KeyPath, Problem, child, is_mapping, nearest, show_key
from .config_explain import explain
from .config_source import Source, read_source

M = TypeVar("M", bound=BaseModel)

PluginOptions: TypeAlias = dict[str, object] | Literal[False]
"""What `plugins:` says of one plugin: its options, or `False` where it is switched off."""


def _refuse_bool(value: object) -> object:
    # YAML reads `yes` and `on` as true, which pydantic would take for the number 1.
    if isinstance(value, bool):
        raise PydanticCustomError("number_type", "Input should be a number")
    return value


def _nothing_is_empty(value: object) -> object:
    # A key whose lines below are all commented out reads as null.
    return {} if value is None else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _plugin_options(value: object) -> object:
    if value is None or value is True:
        return {}
    if value is False or isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType] # checked by the dict in the annotation
    raise PydanticCustomError("plugin_options", "Input should be options, true or false")


Count: TypeAlias = Annotated[int, BeforeValidator(_refuse_bool)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
SlowConsumers: TypeAlias = Policy | dict[str, Policy]
Bytes: TypeAlias = Annotated[ByteSize, BeforeValidator(_refuse_bool)]
_OrEmpty = BeforeValidator(_nothing_is_empty)


class Section(BaseModel):
    """A part of the config: unknown keys are refused, and nothing changes after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, data: object) -> object:
        return _nothing_is_empty(data)


class ServerConfig(Section):
    """`server:`: where the server listens, and the limits that protect it."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 means every one"
    )
    port: Count = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")
    path: str = Field(
        default="/ws",
        pattern=r"^(/[A-Za-z0-9._~-]+)+$",
        description="URL path of the WebSocket, such as /ws; a room's name may follow it: /ws/lobby",
    )
    max_frame_size: Bytes = Field(
        default=ByteSize(64 * 1024),
        ge=128,
        le=64 * 1024 * 1024,
        description="bytes in one frame from a client; a larger one closes the connection with 1009",
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
    guest_names: Annotated[Literal["unique", "shared"], BeforeValidator(_lower)] = Field(
        default="unique",
        description="unique: no guest gets the name of somebody online; shared: whoever asks for a name gets it",
    )
    compression: bool = Field(
        default=False,
        description="whether permessage-deflate is offered: less traffic for more work, once for each room",
    )
    transport: Annotated[Literal["auto", "portable"], BeforeValidator(_lower)] = Field(
        default="auto",
        description="auto: the fast transport where the server has one; portable: plain ASGI, as on other servers",
    )
    hook_timeout: Seconds = Field(default=5.0, gt=0, description="seconds that an async hook may take")
    inbox_size: Count = Field(
        default=64, ge=1, description="events of one connection that may wait for an async hook"
    )
    drain_timeout: Seconds = Field(default=10.0, ge=0, description="seconds from SIGTERM to the exit")


_SLOW_CONSUMERS = (
    "what becomes of events for a client that is too slow: close (it, with 4008), drop_oldest, drop_newest, or "
    "conflate (keep the newest by conflate_by); or one of these by event type, with * for all others"
)


class RoomOptions(Section):
    """What differs in the rooms of one pattern."""

    max_members: Count | None = Field(default=None, ge=1, description="connections in one such room")
    allow: list[str] | None = Field(
        default=None, description="user names, or patterns of them, that may enter; absent means everyone"
    )
    slow_consumers: SlowConsumers | None = Field(
        default=None, description=f"{_SLOW_CONSUMERS}; absent means as rooms.slow_consumers says"
    )
    conflate_by: str | None = Field(
        default=None, description="as rooms.conflate_by; absent means as rooms.conflate_by says"
    )
    plugins: Annotated[dict[str, dict[str, object]], _OrEmpty] = Field(
        default_factory=dict[str, dict[str, object]],
        description="plugin name to the options that override its own in such rooms",
    )


_NO_OPTIONS = RoomOptions()


class RoomsConfig(Section):
    """`rooms:`: the default room, and options by room pattern."""

    default: str = Field(
        default="lobby",
        min_length=1,
        max_length=128,
        description="room of a client that names none in the URL",
    )
    slow_consumers: SlowConsumers = Field(default="close", description=_SLOW_CONSUMERS)
    conflate_by: str = Field(
        default="user", description="path to the field of an event by which conflate keeps the newest one"
    )
    options: Annotated[dict[str, RoomOptions], _OrEmpty] = Field(
        default_factory=dict[str, RoomOptions],
        description="options by room pattern, such as support-*; the first pattern that matches a room wins",
    )
    _patterns: tuple[tuple[re.Pattern[str], str, RoomOptions], ...] = PrivateAttr(default=())

    def model_post_init(self, _context: object, /) -> None:
        """Compile the patterns once, so that `match` only runs them."""
        self._patterns = tuple(
            (re.compile(fnmatch.translate(pattern)), pattern, options) for pattern, options in self.options.items()
        )

    def match(self, room: str) -> tuple[str | None, RoomOptions]:
        """The first pattern that matches `room`, and its options; `None` and empty ones where none does."""
        for compiled, pattern, options in self._patterns:
            if compiled.match(room):
                return pattern, options
        return None, _NO_OPTIONS


class LoggingConfig(Section):
    """`logging:`: how much is logged, and in which form."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="info", description="the least important level that is logged"
    )
    format: Annotated[Literal["auto", "text", "json"], BeforeValidator(_lower)] = Field(
        default="auto",
        description="text, json (an object a line), or auto: text on a terminal, json otherwise",
    )
    access: bool = Field(default=False, description="whether each HTTP request and each handshake gets a line")


class Config(Section):
    """The whole of config.yaml."""

    server: ServerConfig = Field(default_factory=ServerConfig, description="where to listen, and limits")
    rooms: RoomsConfig = Field(default_factory=RoomsConfig, description="the default room, options by pattern")
    plugins: Annotated[dict[str, Annotated[PluginOptions, BeforeValidator(_plugin_options)]], _OrEmpty] = Field(
        default_factory=dict[str, PluginOptions],
        description="plugin name to its options, in the order in which the plugins are called",
    )
    logging: LoggingConfig = Field(default_factory=LoggingConfig, description="level and form of the log")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A checked config, with where each of its keys stands."""

    config: Config
    source: Source
    path: Path | None
    """The file that was read; `None` for the default that is built in."""


def load_config(path: Path | None, env: Mapping[str, str]) -> LoadedConfig:
    """Read `path`, or the built-in default where it is `None`, let `env` override it, and check the whole.

    Raises ConfigError with every mistake that can be found at once.
    """
    return _load(read_source(path, env), path)


def config_from(data: Mapping[str, object]) -> LoadedConfig:
    """Check a config that is written in Python, as an app that embeds Hubbub has it. Raises ConfigError."""
    return _load(Source("the config", dict(data)), None)


def _load(source: Source, path: Path | None) -> LoadedConfig:
    problems = source.problems + _overrides_of_unlisted_plugins(source)
    try:
        config = Config.model_validate(source.data)
    except ValidationError as error:
        problems += _problems(error, Config, source.data, source, ())
    else:
        if not problems:
            return LoadedConfig(config, source, path)
    raise ConfigError(problems)


def validate_options(model: type[M], data: Mapping[str, object], source: Source, at: tuple[str, ...]) -> M:
    """Check the options that stand at the key path `at` of `source` against `model`.

    Raises ConfigError whose problems name the place, the key and what was expected.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        # Not chained: pydantic's own text repeats the values, and some are secrets.
        raise ConfigError(_problems(error, model, data, source, at)) from None


def _problems(
    error: ValidationError, model: type[BaseModel], data: object, source: Source, at: KeyPath
) -> list[Problem]:
    mistakes = explain(error, model, data, lambda path: source.is_secret(at + path))
    return [
        Problem(source.where(at + path), show_key(at + path), source.mask(text))
        for path, text in mistakes
        if not source.is_broken(at + path)
    ]


def _overrides_of_unlisted_plugins(source: Source) -> list[Problem]:
    plugins, patterns = child(source.data, "plugins"), child(child(source.data, "rooms"), "options")
    if not is_mapping(patterns):
        return []
    plugins = plugins if is_mapping(plugins) else {}
    problems: list[Problem] = []
    for pattern, options in patterns.items():
        overrides = child(options, "plugins")
        for name in overrides if is_mapping(overrides) else ():
            if name not in plugins:
                path = ("rooms", "options", pattern, "plugins", name)
                text = f"no plugin of this name is under 'plugins:'.{nearest(name, plugins)}"
                problems.append(Problem(source.where(path), show_key(path), text))
    return problems
