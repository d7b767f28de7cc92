"""Finds which plugins implement which hook, with pluggy, and how each wants to be called."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from types import SimpleNamespace, UnionType
from typing import Any, cast

import pluggy

from ..protocol import Event
from . import hookspecs
from .hook_signatures import check_hooks, hook_names
from .plugin import PROJECT, Plugin, PluginConfig
from .plugin_error import PluginError

AnyPlugin = Plugin[PluginConfig]
CORE = "core"
"""The name under which the core's own event types are handled."""

REVERSED = frozenset({"disconnected", "shutdown"})


def find_implementations(plugins: Mapping[str, AnyPlugin]) -> Mapping[str, Sequence[pluggy.HookImpl]]:
    """Each hook's implementations in the order in which they are called."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    for name in reversed(list(plugins)):  # pluggy calls the last registered first.
        check_hooks(manager, name, plugins[name])
        manager.register(plugins[name], name)
    found: dict[str, Sequence[pluggy.HookImpl]] = {}
    for hook in hook_names():
        last_first: list[pluggy.HookImpl] = getattr(manager.hook, hook).get_hookimpls()
        found[hook] = last_first if hook in REVERSED else last_first[::-1]
    return found


def offering(implementation: pluggy.HookImpl, offered: Sequence[str]) -> Callable[..., object]:
    """A function that takes what the hook offers and passes on what the author named."""
    function, named = implementation.function, implementation.argnames
    if tuple(named) == tuple(offered):
        return function
    indexes = [offered.index(name) for name in named]
    if not indexes:
        return lambda *_: function()
    if len(indexes) == 1:
        index = indexes[0]
        return lambda *arguments: function(arguments[index])
    pick = itemgetter(*indexes)
    return lambda *arguments: function(*pick(arguments))


def event_types(implementation: pluggy.HookImpl) -> tuple[type[Event], ...]:
    """The types that an implementation wants, from the annotation of its ``event``."""
    if "event" not in implementation.argnames:
        return (Event,)
    function = implementation.function
    place = f"the plugin {implementation.plugin_name!r}, {function.__qualname__}"
    # The other annotations are for type checkers alone, and need not exist at run time.
    alone = SimpleNamespace(__annotations__={"event": function.__annotations__.get("event", Event)})
    try:
        annotation: Any = typing.get_type_hints(alone, inspect.unwrap(function).__globals__)["event"]
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise PluginError(
            f"{place}: the annotation of 'event' cannot be read ({error}); "
            "import its types at run time, not under TYPE_CHECKING"
        ) from error
    is_union = isinstance(annotation, UnionType) or typing.get_origin(annotation) is typing.Union
    types = typing.get_args(annotation) if is_union else (annotation,)
    if not all(isinstance(each, type) and issubclass(each, Event) for each in types):
        raise PluginError(f"{place}: 'event' must be annotated with event types, not {annotation!r}")
    return cast("tuple[type[Event], ...]", types)
