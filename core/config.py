"""The models of config.yaml, and how a file and the environment become one checked `Config`."""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, ValidationError
from pydantic_core import PydanticCustomError

from .api.config import ApiConfig
from .backlog import Policy
from .config_errors import ConfigError, KeyPath, Problem, child, is_mapping, nearest, show_key
from .config_explain import explain
from .config_section import AnyCase, Count, OrEmpty, Section
from .config_server import ServerConfig as ServerConfig
from .config_shape import known_keys
from .config_source import PREFIX, SEPARATOR, Source, read_source

M = TypeVar("M", bound=BaseModel)

PluginOptions: TypeAlias = dict[str, object] | Literal[False]
"""What `plugins:` says of one plugin: its options, or `False` where it is switched off."""


def _plugin_options(value: object) -> object:
    if value is None or value is True:
        return {}
    if value is False or isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType] # checked by the dict in the annotation
    raise PydanticCustomError("plugin_options", "Input should be options, true or false")


SlowConsumers: TypeAlias = Policy | dict[str, Policy]

_SLOW_CONSUMERS = (
    "what becomes of events for a client that is too slow: close (it, with 4008), drop_oldest, drop_newest, or "
    "conflate (keep the newest by conflate_by); or one of these by event type, with * for all others"
)


class RoomOptions(Section):
    """What differs in the rooms of one pattern."""

    max_members: Count | None = Field(default=None, ge=1, description="connections in one such room")
    slow_consumers: SlowConsumers | None = Field(
        default=None, description=f"{_SLOW_CONSUMERS}; absent means as rooms.slow_consumers says"
    )
    conflate_by: str | None = Field(
        default=None, description="as rooms.conflate_by; absent means as rooms.conflate_by says"
    )
    plugins: Annotated[dict[str, dict[str, object]], OrEmpty] = Field(
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
    options: Annotated[dict[str, RoomOptions], OrEmpty] = Field(
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

    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        default="info", description="the least important level that is logged"
    )
    format: Annotated[Literal["auto", "text", "json"], AnyCase] = Field(
        default="auto",
        description="text, json (an object a line), or auto: text on a terminal, json otherwise",
    )
    access: bool = Field(default=False, description="whether each HTTP request and each handshake gets a line")


class Config(Section):
    """The whole of config.yaml."""

    server: ServerConfig = Field(default_factory=ServerConfig, description="where to listen, and limits")
    rooms: RoomsConfig = Field(default_factory=RoomsConfig, description="the default room, options by pattern")
    plugins: Annotated[dict[str, Annotated[PluginOptions, BeforeValidator(_plugin_options)]], OrEmpty] = Field(
        default_factory=dict[str, PluginOptions],
        description="plugin name to its options, in the order in which the plugins are called",
    )
    api: ApiConfig = Field(default_factory=ApiConfig, description="the keys of the HTTP API, and its limits")
    logging: LoggingConfig = Field(default_factory=LoggingConfig, description="level and form of the log")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A checked config, with where each of its keys stands."""

    config: Config
    source: Source
    path: Path | None
    """The file that was read; `None` for the default that is built in."""
    warnings: tuple[str, ...] = ()
    """What was probably meant otherwise, a sentence each."""


def load_config(path: Path | None, env: Mapping[str, str]) -> LoadedConfig:
    """Read `path`, or the built-in default where it is `None`, let `env` override it, and check the whole.

    Raises ConfigError with every mistake that can be found at once.
    """
    source = read_source(path, env)
    return replace(_load(source, path), warnings=tuple(_mistaken_variables(source, env)))


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


def _mistaken_variables(source: Source, env: Mapping[str, str]) -> Iterator[str]:
    """What to say of variables that look like overrides, but lack a double underscore.

    They are no mistake for certain: Kubernetes sets some, and `!env` may take any.
    """
    for variable, value in sorted(env.items()):
        section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
        known = known_keys(Config, (section,))
        is_key = bool(key) and (key in known or section == "plugins")
        if not variable.startswith(PREFIX) or SEPARATOR in variable or not is_key:
            continue
        if not value.startswith("tcp://") and not source.has_taken(value):
            meant = (
                f"{PREFIX}{section}{SEPARATOR}{key}".upper() if key in known else f"{PREFIX}PLUGINS__NAME__OPTION"
            )
            yield f"the environment variable {variable} sets nothing. Two underscores stand between keys: {meant}"


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
