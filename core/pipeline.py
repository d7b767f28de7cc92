"""Calls the hooks: order, isolation and time limits live here and nowhere else.

pluggy finds the implementations, checks them against the specifications and orders them; the call loop is ours,
since it must go on after an exception, wait for asynchronous hooks and cost next to nothing. For each event type
everything that happens to it is compiled once into a `Chain` of steps, by the annotations of the hooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pluggy import HookImpl

from ..protocol import Event, Rejected, RoomEvent
from .calls import Calls, guard, notify
from .eager import DONE, InOrder
from .hook_signatures import offered_arguments
from .identity import Identity
from .implementations import CORE, AnyPlugin, event_types, find_implementations, offering
from .isolation import one_publication_further
from .plugin_error import PluginError, told
from .steps import (
    CheckStep,
    Function,
    HandleStep,
    ObserveStep,
    Owner,
    Step,
    TransformStep,
    acknowledge,
    wrong_result,
)

if TYPE_CHECKING:
    from .connection import Connection
    from .handshake import Handshake

Steps = tuple[tuple[Function, bool, Step], ...]
"""Each with what is called, and whether it wants the event alone: the most frequent call gets no wrapper."""

EVENT_STEPS = {"check_event": CheckStep, "transform_event": TransformStep, "handle_event": HandleStep}


@dataclass(frozen=True, slots=True)
class Chain:
    """What happens to the events of one type."""

    is_in_room: bool
    is_recorded: bool
    """Whether a recorder takes them: then the next such event need not wait until one is stored."""
    steps: Steps
    """For an event of a client: checks, transforms, handlers, observers."""
    answered_steps: Steps
    """The same for an event with an ``id``, which gets an `ack` before the observers see it."""
    publish_checks: Calls
    publish_observers: Calls
    is_watched: bool
    """Whether there are any of these."""


class Unfinished(Awaitable[None]):
    """An event that has its place among the others and waits for its end: the rest of its chain follows then."""

    __slots__ = ("_connection", "_event", "_pipeline", "_rest", "_step", "answering", "end")

    def __init__(
        self,
        pipeline: Pipeline,
        step: Step,
        end: asyncio.Future[None],
        rest: Steps,
        connection: Connection,
        event: Event,
    ) -> None:
        """``step`` is the one whose hook waits for ``end``, however long: a recorder has limits."""
        self._pipeline = pipeline
        self._step = step
        self._rest = rest
        self._connection = connection
        self._event = event
        self.end = end
        self.answering = connection.answering

    def finish(self) -> Awaitable[None] | None:
        """Go on once ``end`` is done; return what is to be waited for then. Raise as `Pipeline.run`."""
        try:
            self.end.result()
        except Exception as error:
            self._step.failed(error)
        if not self._rest:
            return None
        self._connection.answering = self.answering  # Others were handled meanwhile.
        return self._pipeline.run(self._rest, self._connection, self._event)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._finish_later().__await__()

    async def _finish_later(self) -> None:
        await asyncio.wait((self.end,))
        await (self.finish() or DONE)


class Pipeline:
    """The hooks of all enabled plugins, in order."""

    def __init__(self, plugins: Mapping[str, AnyPlugin], hook_timeout: float) -> None:
        """``plugins`` are called in their order. Raise `PluginError` where one does not fit the specification."""
        self.owners = {name: Owner(name, plugin.config, hook_timeout) for name, plugin in plugins.items()}
        self._implementations = find_implementations(plugins)
        self._calls: dict[str, Calls] = {
            hook: tuple((offering(each, offered), self.owners[each.plugin_name]) for each in found)
            for hook, found in self._implementations.items()
            if "event" not in (offered := offered_arguments(hook))
        }
        self._types = {
            (hook, index): event_types(each)
            for hook, found in self._implementations.items()
            if "event" in offered_arguments(hook)
            for index, each in enumerate(found)
        }
        self._chains: dict[type[Event], Chain] = {}  # as far as any was compiled

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin implements."""
        return [
            hook
            for hook, found in self._implementations.items()
            if any(each.plugin_name == name for each in found)
        ]

    def chain_of(self, event: Event) -> Chain:
        """What happens to an event of this type."""
        type_ = type(event)
        return self._chains.get(type_) or self._compile(type_)

    def _compile(self, event: type[Event]) -> Chain:
        steps = [step for hook, kind in EVENT_STEPS.items() for step in self._steps_for(hook, kind, event)]
        observers = self._steps_for("event_handled", ObserveStep, event)
        answer = (acknowledge, False, HandleStep("ack", self.owners[CORE]))
        publish_checks = self._calls_for("check_publish", event)
        publish_observers = self._calls_for("event_published", event)
        chain = self._chains[event] = Chain(
            issubclass(event, RoomEvent),
            issubclass(event, RoomEvent) and event.is_recorded,
            (*steps, *observers),
            (*steps, answer, *observers),
            publish_checks,
            publish_observers,
            bool(publish_checks or publish_observers),
        )
        return chain

    def _steps_for(self, hook: str, kind: type[Step], event: type[Event]) -> list[tuple[Function, bool, Step]]:
        steps: list[tuple[Function, bool, Step]] = []
        for each in self._implementations_for(hook, event):
            takes_event_alone = tuple(each.argnames) == ("event",)
            function = each.function if takes_event_alone else offering(each, offered_arguments(hook))
            steps.append((function, takes_event_alone, kind(hook, self.owners[each.plugin_name])))
        return steps

    def _calls_for(self, hook: str, event: type[Event]) -> Calls:
        return tuple(
            (offering(each, offered_arguments(hook)), self.owners[each.plugin_name])
            for each in self._implementations_for(hook, event)
        )

    def _implementations_for(self, hook: str, event: type[Event]) -> list[HookImpl]:
        return [
            each
            for index, each in enumerate(self._implementations[hook])
            if issubclass(event, self._types[hook, index])
        ]

    def run(self, steps: Steps, connection: Connection, event: Event) -> Awaitable[None] | None:
        """Take one event of a client through its chain: None once that is done, or what to wait for.

        Raise `Rejected` where the event was refused or a plugin failed, or let the awaitable raise it.
        """
        for function, takes_event_alone, step in steps:
            try:
                result = function(event) if takes_event_alone else function(connection, event)
                if result is None or result is DONE:
                    continue
                if result.__class__ is InOrder:
                    end = cast(InOrder, result).end
                    return Unfinished(self, step, end, _after(step, steps), connection, event)
                changed = step.take(result, connection, event)
            except BaseException as error:  # Also what would end the server, such as SystemExit.
                step.failed(error)
                continue
            if changed is None:
                rest = _after(step, steps)
                return self._run_rest(step, result, rest, connection, event, connection.answering)
            event = changed
        return None

    async def _run_rest(
        self,
        step: Step,
        waiting: object,
        rest: Steps,
        connection: Connection,
        event: Event,
        answering: str | None,
    ) -> None:
        """Wait for what the hook of ``step`` returned, and go on with the ``rest``."""
        try:
            result = await step.owner.wait(waiting)
            if result is not None:
                event = step.take(result, connection, event) or event
        except Exception as error:
            step.failed(error)
        connection.answering = answering  # Others may have been handled meanwhile.
        await (self.run(rest, connection, event) or DONE)

    async def check_publish(self, room: str, event: Event) -> None:
        """Raise `Rejected` where a plugin refuses the publication."""
        if calls := self.chain_of(event).publish_checks:
            await guard("check_publish", calls, (room, event), one_publication_further())

    async def event_published(self, room: str, event: Event) -> None:
        """Tell the observers of a publication."""
        if calls := self.chain_of(event).publish_observers:
            await notify("event_published", calls, (room, event), one_publication_further())

    async def check(self, hook: str, *arguments: object) -> None:
        """Call a guard that has no event: ``check_connect``, ``check_join`` or ``check_recover``."""
        await guard(hook, self._calls[hook], arguments)

    async def notify(self, hook: str, *arguments: object) -> None:
        """Call a notification that has no event: each plugin is called, whatever the others raise."""
        await notify(hook, self._calls[hook], arguments)

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements the hook."""
        return bool(self._implementations[hook])

    async def authenticate(self, handshake: Handshake) -> Identity | None:
        """Who the first plugin that knows them says they are, or None. Raise `Rejected` for bad credentials."""
        for function, owner in self._calls["authenticate"]:
            try:
                user = await owner.wait(owner.call(function, (handshake,)))
                if not isinstance(user, Identity | str | None):
                    raise wrong_result(user, "an Identity, the name of a user, or None")
            except Rejected:
                raise
            except Exception as error:
                owner.failed("authenticate", error)
                raise owner.internal_error() from None
            if user is not None:
                return Identity(user) if isinstance(user, str) else user
        return None

    async def startup(self) -> None:
        """Start the plugins. Raise `PluginError` with the name of one that cannot start."""
        for function, owner in self._calls["startup"]:
            try:
                await owner.wait(owner.call(function, ()))
            except Exception as error:
                raise PluginError(f"the plugin {owner.name!r} cannot start: {told(error)}") from error

    async def shutdown(self) -> None:
        """Stop the plugins, in reverse order."""
        await self.notify("shutdown")


def _after(step: Step, steps: Steps) -> Steps:
    """What follows ``step``."""
    position = next(position for position, (_, _, each) in enumerate(steps, start=1) if each is step)
    return steps[position:]
