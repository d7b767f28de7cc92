"""What a plugin is made of: its class, its config, its hooks, and its state for each connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args, overload

import pluggy
from pydantic import BaseModel, ConfigDict, Field

from ..protocol import Event
from .command import Command

if TYPE_CHECKING:
    from .broker import Broker
    from .connection_manager import ConnectionManager

PROJECT = "hubbub"

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a plugin as the implementation of the hook of the same name."""


class PluginConfig(BaseModel):
    """The options of a plugin in config.yaml. Subclass it with a field for each; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    on_error: Literal["refuse", "allow"] = Field(
        default="refuse", description="what becomes of an event that a broken check of this plugin was to judge"
    )
    hook_timeout: float | None = Field(
        default=None, gt=0, description="seconds an async hook of this plugin may take; absent: as the server"
    )


# Covariant, so that the class of a plugin with its own config fits wherever any plugin's class does.
ConfigT = TypeVar("ConfigT", bound=PluginConfig, covariant=True)


class Plugin(Generic[ConfigT]):
    """One behaviour. Subclass it as ``Plugin[YourConfig]`` and mark its hooks with `hookimpl`.

    State for a connection belongs in a `StateKey`, state for the server on ``self``.
    """

    events: ClassVar[tuple[type[Event], ...]] = ()
    """The event types that the plugin adds to the protocol."""

    commands: ClassVar[tuple[Command, ...]] = ()
    """What the plugin adds to the ``hubbub`` command."""

    manager: ConnectionManager
    """Who is connected, the rooms, and publishing: there from `startup` on."""

    def __init__(self, config: ConfigT, overrides: Mapping[str, ConfigT] | None = None) -> None:
        """``overrides`` holds the config for each room pattern that has one of its own."""
        self.config = config
        self._overrides = overrides or {}

    @property
    def configs(self) -> tuple[ConfigT, ...]:
        """The plugin's config, then that of each room pattern which has one of its own."""
        return (self.config, *self._overrides.values())

    def config_for(self, room: str | None) -> ConfigT:
        """The options that hold in ``room``: those of the first pattern that matches it, else the plugin's."""
        if not self._overrides or room is None:
            return self.config
        pattern = self.manager.pattern_of(room)
        return self.config if pattern is None else self._overrides.get(pattern, self.config)

    def make_broker(self) -> Broker | None:
        """The broker that connects this server with others, of a plugin that brings one. Called once."""
        return None

    @classmethod
    def config_type(cls) -> type[PluginConfig]:
        """The config class that ``Plugin[...]`` was subclassed with. Raise `TypeError` where it is none."""
        for base in cls.__mro__:
            for generic in getattr(base, "__orig_bases__", ()):
                for argument in get_args(generic):
                    if isinstance(argument, type):
                        if not issubclass(argument, PluginConfig):
                            raise TypeError(f"its config class {argument.__name__} must subclass PluginConfig")
                        return argument
        return PluginConfig


T = TypeVar("T")
D = TypeVar("D")


class StateKey(Generic[T]):
    """The typed name under which a plugin keeps something for a connection.

    Two keys are never the same, whatever their names: no plugin can reach another's state by accident.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"StateKey({self.name!r})"


class State:
    """What the plugins keep for one connection, by `StateKey`; freed when the connection ends."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[StateKey[Any], Any] | None = None

    def __getitem__(self, key: StateKey[T]) -> T:
        if self._values is None:
            raise KeyError(key)
        return self._values[key]

    def __setitem__(self, key: StateKey[T], value: T) -> None:
        if self._values is None:
            self._values = {}
        self._values[key] = value

    def __contains__(self, key: StateKey[Any]) -> bool:
        return self._values is not None and key in self._values

    @overload
    def get(self, key: StateKey[T]) -> T | None: ...
    @overload
    def get(self, key: StateKey[T], default: D) -> T | D: ...
    def get(self, key: StateKey[T], default: D | None = None) -> T | D | None:
        """The value, or ``default`` where none was set."""
        return default if self._values is None else self._values.get(key, default)

    def pop(self, key: StateKey[T], default: D) -> T | D:
        """Remove and return the value, or return ``default``."""
        return default if self._values is None else self._values.pop(key, default)

    def clear(self) -> None:
        """Forget everything."""
        self._values = None
