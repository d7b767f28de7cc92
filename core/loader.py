"""From the names under `plugins:` to plugin instances, in order, each with its checked config."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from ..protocol import Event
from .command import Command
from .config import LoadedConfig, validate_options
from .config_errors import ConfigError, Problem, nearest, show_key
from .implementations import CORE, AnyPlugin
from .plugin import Plugin, PluginConfig
from .plugin_error import PluginError, told, told_with_place

GROUP = "hubbub.plugins"
"""The group of entry points in which packages declare plugins."""

PluginClass = type[Plugin[Any]]

INIT = "an __init__ takes (self, config, overrides) and gives both to super(); do the rest in startup"


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin that could be switched on."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint


def installed_plugins() -> dict[str, Installed]:
    """Every plugin that an installed distribution declares under ``hubbub.plugins``, by name.

    Raise `PluginError` where two distributions declare the same name.
    """
    found: dict[str, Installed] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        distribution = point.dist
        plugin = Installed(
            point.name,
            distribution.name if distribution else "?",
            distribution.version if distribution else "?",
            point,
        )
        other = found.setdefault(point.name, plugin)
        if other.entry_point.value != point.value:
            raise PluginError(
                f"two packages have a plugin called {point.name!r}: {other.distribution} and "
                f"{plugin.distribution}; uninstall one of them"
            )
    return found


def load_plugins(loaded: LoadedConfig, extra: Mapping[str, PluginClass] | None = None) -> dict[str, AnyPlugin]:
    """The enabled plugins in call order. ``extra`` are classes that need no installing, as in tests.

    Raise `ConfigError` for an unknown name or a wrong option, `PluginError` for a plugin that cannot be used.
    """
    enabled = {name: options for name, options in loaded.config.plugins.items() if options is not False}
    classes: dict[str, PluginClass] = {}
    problems: list[Problem] = []
    installed = installed_plugins()
    for name in enabled:
        if name == CORE:
            text = "this name is the core's own. Write module:Class to switch on a plugin that has it."
            problems.append(Problem(loaded.source.where(("plugins", name)), show_key(("plugins", name)), text))
            continue
        found = (extra or {}).get(name)
        if found is not None:
            _check_class(name, found)
        else:
            found = find_plugin(name, installed)
        if found is None:
            problems.append(_unknown(name, loaded, sorted({*installed, *(extra or {})})))
        else:
            classes[name] = found
    if problems:
        raise ConfigError(problems)
    plugins: dict[str, AnyPlugin] = {}
    for name, options in enabled.items():
        try:
            plugins[name] = _build(name, classes[name], options, loaded)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return plugins


def find_plugin(name: str, installed: Mapping[str, Installed]) -> PluginClass | None:
    """The class of a plugin by the name that it has in the config; None where there is none.

    Raise `PluginError` where it cannot be imported.
    """
    if name in installed:
        point = installed[name].entry_point
        module, attribute = point.module, point.attr
    elif ":" in name:
        module, _, attribute = name.partition(":")
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
    else:
        return None
    if not attribute:
        raise PluginError(f"the plugin {name!r}: {module} names a module alone; write module:Class")
    try:
        found: object = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        _check_extras(name, installed, error)
        raise PluginError(
            f"the plugin {name!r} cannot be imported from {module}:{attribute}: {told_with_place(error)}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise PluginError(f"the plugin {name!r}: {module}:{attribute} is not a subclass of hubbub.core.Plugin")
    _check_class(name, cast(PluginClass, found))
    return cast(PluginClass, found)


def _check_class(name: str, plugin: PluginClass) -> None:
    """Raise `PluginError` where the class says something about itself that cannot be."""
    events = cast(object, plugin.events)
    if not isinstance(events, tuple | list):
        raise PluginError(f"the plugin {name!r}: events must be a tuple, such as (Hand,) with a comma")
    for event in cast("Iterable[object]", events):
        if not (isinstance(event, type) and issubclass(event, Event)):
            raise PluginError(f"the plugin {name!r}: {event!r} in its events is no subclass of hubbub.core.Event")
    commands = cast(object, plugin.commands)
    if not isinstance(commands, tuple | list) or not all(
        isinstance(each, Command) for each in cast("Iterable[object]", commands)
    ):
        raise PluginError(f"the plugin {name!r}: commands must be a tuple of hubbub.core.Command")
    try:
        plugin.config_type()
    except TypeError as error:
        raise PluginError(f"the plugin {name!r}: {error}") from error


def _check_extras(name: str, installed: Mapping[str, Installed], error: BaseException) -> None:
    """Raise `PluginError` where a module is missing that an extra of the plugin's package would bring."""
    if name not in installed or not isinstance(error, ModuleNotFoundError):
        return
    plugin = installed[name]
    extras = plugin.entry_point.extras
    if extras:
        raise PluginError(
            f"the plugin {name!r} needs the module {error.name!r}, which is not installed: "
            f'pip install "{plugin.distribution}[{",".join(extras)}]"'
        ) from error


def _unknown(name: str, loaded: LoadedConfig, known: list[str]) -> Problem:
    path = ("plugins", name)
    return Problem(
        loaded.source.where(path),
        show_key(path),
        f"no such plugin is installed.{nearest(name, known)} Installed: {', '.join(known)}. "
        "Install the package that has it, or write module:Class for a plugin in a file of your own.",
    )


def _build(name: str, plugin: PluginClass, options: Mapping[str, object], loaded: LoadedConfig) -> AnyPlugin:
    model = plugin.config_type()
    config = validate_options(model, options, loaded.source, ("plugins", name))
    overrides = {
        pattern: validate_options(
            model,
            {**options, **room.plugins[name]},
            loaded.source,
            ("rooms", "options", pattern, "plugins", name),
        )
        for pattern, room in loaded.config.rooms.options.items()
        if name in room.plugins
    }
    try:
        made = plugin(config, overrides)
    except Exception as error:
        raise PluginError(f"the plugin {name!r} cannot be made: {told(error)}{_about_init(error)}") from error
    if not isinstance(getattr(made, "config", None), PluginConfig):
        raise PluginError(f"the plugin {name!r} cannot be made: it has no config; {INIT}")
    return made


def _about_init(error: Exception) -> str:
    return f"; {INIT}" if isinstance(error, TypeError | AttributeError) else ""
