"""Finds the commands that installed plugins add to ``hubbub``, and runs them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Protocol

from .command import Command
from .config import LoadedConfig
from .loader import PluginClass, find_plugin, installed_plugins, load_plugins
from .logs import configure_logging
from .plugin_error import PluginError

Load = Callable[[Namespace], LoadedConfig]
"""Reads the config that the arguments name."""


class Parsers(Protocol):
    """The part of argparse to which commands are added."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002 # argparse calls it so
        description: str,
        parents: list[ArgumentParser] = ...,
    ) -> ArgumentParser:
        """Add a command."""
        ...


def add_plugin_commands(parsers: Parsers, wanted: str | None, with_config: ArgumentParser, load: Load) -> None:
    """Add the commands of the plugin called ``wanted``, or of all where none is called so."""
    for name, plugin in _plugins(wanted):
        if plugin.commands:
            summary = f"commands of the {name} plugin: {', '.join(each.name for each in plugin.commands)}"
            parser = parsers.add_parser(name, help=summary, description=plugin.__doc__ or summary)
            commands = parser.add_subparsers(required=True, metavar="COMMAND")
            for command in plugin.commands:
                description = f"{command.summary[0].upper()}{command.summary[1:]}."
                one = commands.add_parser(
                    command.name, parents=[with_config], help=command.summary, description=description
                )
                command.add_arguments(one)
                one.set_defaults(command=partial(_run, name, command, load))


def _plugins(wanted: str | None) -> Iterator[tuple[str, PluginClass]]:
    installed = installed_plugins()
    if wanted is not None and (wanted in installed or ":" in wanted):
        found = find_plugin(wanted, installed)
        if found is not None:
            yield wanted, found
        return
    for name in installed:
        with suppress(PluginError):  # One that lacks something else must not be in the way of the others.
            found = find_plugin(name, installed)
            if found is not None:
                yield name, found


def _run(name: str, command: Command, load: Load, options: Namespace) -> int:
    loaded = load(options)
    plugin = load_plugins(loaded).get(name)
    if plugin is None:
        raise PluginError(
            f"the plugin {name!r} is not on in {loaded.path or 'the built-in config'}, which has its options; "
            "name the server's config: --config FILE"
        )
    configure_logging(loaded.config.logging)
    return command.run(plugin, options)
