"""Calls the hooks: order, isolation and time limits live here and nowhere else.

pluggy finds the implementations, checks them against the specifications and orders them; the call loop is ours,
since it must go on after an exception, wait for asynchronous hooks and cost next to nothing. For each event type
the calls are compiled once into an `EventChain`, by the annotation of the hook's ``event``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from ..protocol import Event, Rejected
from .eager import DONE
from .implementations import (
    AnyPlugin,
    PluginError,
    event_types,
    find_implementations,
    offered_arguments,
    offering,
)
from .plugin import PluginConfig

if TYPE_CHECKING:
    from .connection import Connection
    from .handshake import Handshake

logger = logging.getLogger(__name__)


class Owner:
    """A plugin as the pipeline sees it: how long it may take, and what its errors mean."""

    def __init__(self, name: str, config: PluginConfig, hook_timeout: float) -> None:
        self.name = name
        self.allows_on_error = config.on_error == "allow"
        self.hook_timeout = config.hook_timeout or hook_timeout
        self.failures = 0

    async def wait(self, result: object) -> object:
        """Wait for what a hook returned if it is awaitable, for ``hook_timeout`` seconds at most.

        Raises `TimeoutError` after that, and whatever the hook raises.
        """
        if result is DONE or not isinstance(result, Awaitable):
            return None if result is DONE else result
        task = asyncio.ensure_future(cast("Awaitable[object]", result))
        try:
            done, _ = await asyncio.wait((task,), timeout=self.hook_timeout)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise TimeoutError(f"it took longer than hook_timeout, {self.hook_timeout:g} seconds")
        return task.result()

    def failed(self, hook: str) -> None:
        """Log and count the exception being handled."""
        self.failures += 1
        logger.exception("plugin %r failed in %s", self.name, hook)


class Call(NamedTuple):
    """One plugin's implementation of one hook."""

    function: Callable[..., object]
    owner: Owner


Calls = tuple[Call, ...]


class EventChain(NamedTuple):
    """Who is called for one event type."""

    checks: Calls
    transforms: Calls
    handlers: Calls
    observers: Calls
    publish_checks: Calls
    publish_observers: Calls


class Pipeline:
    """The hooks of all enabled plugins, in order."""

    def __init__(self, plugins: Mapping[str, AnyPlugin], hook_timeout: float) -> None:
        """``plugins`` are called in their order. Raise `PluginError` where one does not fit the specification."""
        self.owners = {name: Owner(name, plugin.config, hook_timeout) for name, plugin in plugins.items()}
        self._implementations = find_implementations(plugins)
        self._calls = {
            hook: tuple(Call(offering(each, offered), self.owners[each.plugin_name]) for each in found)
            for hook, found in self._implementations.items()
            if "event" not in (offered := offered_arguments(hook))
        }
        self._types = {
            (hook, index): event_types(each)
            for hook, found in self._implementations.items()
            if "event" in offered_arguments(hook)
            for index, each in enumerate(found)
        }
        self._chains: dict[type[Event], EventChain] = {}

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin implements."""
        return [
            hook
            for hook, found in self._implementations.items()
            if any(each.plugin_name == name for each in found)
        ]

    def chain(self, event: type[Event]) -> EventChain:
        """Who is called for ``event``; compiled at first use."""
        chain = self._chains.get(event)
        if chain is None:
            chain = self._chains[event] = EventChain(
                *(
                    self._calls_for(hook, event)
                    for hook in (
                        "check_event",
                        "transform_event",
                        "handle_event",
                        "event_handled",
                        "check_publish",
                        "event_published",
                    )
                )
            )
        return chain

    def _calls_for(self, hook: str, event: type[Event]) -> Calls:
        return tuple(
            Call(offering(each, offered_arguments(hook)), self.owners[each.plugin_name])
            for index, each in enumerate(self._implementations[hook])
            if issubclass(event, self._types[hook, index])
        )

    async def run(self, connection: Connection, event: Event) -> Event:
        """Check, transform and handle one event of a client, replies included.

        Return the event as it was handled. Raise `Rejected` where it was refused or a plugin failed.
        """
        chain = self.chain(type(event))
        if chain.checks:
            await self._guard("check_event", chain.checks, connection, event)
        if chain.transforms:
            event = await self._transform(chain, connection, event)
        for function, owner in chain.handlers:
            try:
                reply = function(connection, event)
                if reply is not None and reply is not DONE:
                    reply = await owner.wait(reply)
                    if reply is not None:
                        connection.send(cast(Event, reply))
            except Rejected:
                raise
            except Exception:
                owner.failed("handle_event")
                raise _internal() from None
        return event

    async def event_handled(self, connection: Connection, event: Event) -> None:
        """Tell the observers of an event that went through."""
        chain = self.chain(type(event))
        if chain.observers:
            await self._notify("event_handled", chain.observers, connection, event)

    async def check_publish(self, room: str, event: Event) -> None:
        """Raise `Rejected` where a plugin refuses the publication."""
        await self._guard("check_publish", self.chain(type(event)).publish_checks, room, event)

    async def event_published(self, room: str, event: Event) -> None:
        """Tell the observers of a publication."""
        await self._notify("event_published", self.chain(type(event)).publish_observers, room, event)

    async def check(self, hook: str, *arguments: object) -> None:
        """Call a guard that has no event: ``check_connect`` or ``check_join``."""
        await self._guard(hook, self._calls[hook], *arguments)

    async def notify(self, hook: str, *arguments: object) -> None:
        """Call a notification that has no event: each plugin is called, whatever the others raise."""
        await self._notify(hook, self._calls[hook], *arguments)

    async def authenticate(self, handshake: Handshake) -> str | None:
        """The user name that the first plugin gives, or None."""
        for function, owner in self._calls["authenticate"]:
            try:
                user = function(handshake)
                if user is not None:
                    user = await owner.wait(user)
            except Rejected:
                raise
            except Exception:
                owner.failed("authenticate")
                raise _internal() from None
            if user is not None:
                return cast(str, user)
        return None

    async def startup(self) -> None:
        """Start the plugins. Raise `PluginError` with the name of one that cannot start."""
        for function, owner in self._calls["startup"]:
            try:
                await owner.wait(function())
            except Exception as error:
                raise PluginError(f"the plugin {owner.name!r} cannot start: {error or repr(error)}") from error

    async def shutdown(self) -> None:
        """Stop the plugins, in reverse order."""
        await self.notify("shutdown")

    async def _guard(self, hook: str, calls: Calls, *arguments: object) -> None:
        for function, owner in calls:
            try:
                waiting = function(*arguments)
                if waiting is not None:
                    await owner.wait(waiting)
            except Rejected:
                raise
            except Exception:
                owner.failed(hook)
                if not owner.allows_on_error:
                    raise _internal() from None

    async def _notify(self, hook: str, calls: Calls, *arguments: object) -> None:
        for function, owner in calls:
            try:
                waiting = function(*arguments)
                if waiting is not None:
                    await owner.wait(waiting)
            except Exception:
                owner.failed(hook)

    async def _transform(self, chain: EventChain, connection: Connection, event: Event) -> Event:
        for function, owner in chain.transforms:
            try:
                changed = function(connection, event)
                if changed is not None:
                    event = cast(Event, await owner.wait(changed)) or event
            except Rejected:
                raise
            except Exception:
                owner.failed("transform_event")
                raise _internal() from None
        return event


def _internal() -> Rejected:
    return Rejected("internal", "Something failed on the server. It has been logged; try again later.")
