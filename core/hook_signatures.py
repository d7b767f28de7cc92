"""Checks each method of a plugin before it is registered: one that would never be called says so at the start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import pluggy

from . import hookspecs
from .config_errors import nearest
from .plugin import PROJECT, Plugin
from .plugin_error import PluginError

Method = Callable[..., object]


def hook_names() -> list[str]:
    """The hooks that there are, in the order of the specifications."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{PROJECT}_spec")]


def offered_arguments(hook: str) -> tuple[str, ...]:
    """The arguments that the specification has."""
    code = getattr(hookspecs, hook).__code__
    return code.co_varnames[: code.co_argcount]


def check_hooks(manager: pluggy.PluginManager, name: str, plugin: Plugin[Any]) -> None:
    """Raise `PluginError` where a method of the plugin called ``name`` is no hook, though its author means one."""
    for attribute, method in _methods(plugin):
        place = f"the plugin {name!r} does not fit the hooks: {type(plugin).__name__}.{attribute}"
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            if attribute in hook_names():
                raise PluginError(f"{place}: it is named as a hook but not marked; write @hookimpl above it")
            continue
        hook = options["specname"] or attribute
        if hook not in hook_names():
            raise PluginError(
                f"{place}: there is no hook {hook!r}.{nearest(hook, hook_names())} "
                f"The hooks are {', '.join(hook_names())}"
            )
        if options["wrapper"] or options["hookwrapper"]:
            raise PluginError(f"{place}: hooks cannot be wrapped; leave out wrapper and hookwrapper")
        if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
            raise PluginError(f"{place}: it has a yield, and so would never run; a hook returns its answer")
        _check_arguments(place, hook, method)


def _methods(plugin: Plugin[Any]) -> Iterator[tuple[str, Method]]:
    for attribute in dir(plugin):
        # Looked up without asking the plugin: its properties may do anything.
        found = inspect.getattr_static(type(plugin), attribute, None)
        if isinstance(found, FunctionType | staticmethod | classmethod):
            yield attribute, getattr(plugin, attribute)


def _check_arguments(place: str, hook: str, method: Method) -> None:
    offered = offered_arguments(hook)
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise PluginError(f"{place}: {parameter.name!r} gets nothing; {_naming(offered)}, without * and /")
        if parameter.name not in offered and parameter.default is parameter.empty:
            raise PluginError(
                f"{place}: {hook} has no argument {parameter.name!r}.{nearest(parameter.name, offered)} "
                f"{_naming(offered).capitalize()}"
            )
        if parameter.name in offered and parameter.default is not parameter.empty:
            raise PluginError(
                f"{place}: {parameter.name!r} has a default, and would always have it; leave the default out"
            )


def _naming(offered: Sequence[str]) -> str:
    return f"name those that you need of: {', '.join(offered)}" if offered else "there are none to name"
