"""The kinds of steps that an event of a client goes through, and what an exception means in each."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from ..protocol import Ack, Event, Rejected, RoomEvent
from .eager import DONE
from .isolation import contained, isolated
from .plugin import PluginConfig

if TYPE_CHECKING:
    from .connection import Connection

logger = logging.getLogger(__name__)

Function = Callable[..., object]

GUARD_RESULT = "None; raise Rejected to refuse"


class Owner:
    """A plugin as the pipeline sees it: how long it may take, and what its errors mean."""

    def __init__(self, name: str, config: PluginConfig, hook_timeout: float) -> None:
        self.name = name
        self.allows_on_error = config.on_error == "allow"
        self.hook_timeout = config.hook_timeout or hook_timeout
        self.failures = 0

    def call(self, function: Function, arguments: tuple[object, ...], context: Context | None = None) -> object:
        """Call a hook, within ``context`` if there is one. Raise what it raises, as an `Exception` in any case."""
        try:
            return function(*arguments) if context is None else context.run(function, *arguments)
        except Exception:
            raise
        except BaseException as error:
            raise contained(error) from error

    async def wait(self, result: object, context: Context | None = None) -> object:
        """Wait for what a hook returned if it is awaitable, for ``hook_timeout`` seconds at most.

        Raise `TimeoutError` after that, and whatever the hook raises.
        """
        if result is DONE or not isinstance(result, Awaitable):
            return None if result is DONE else result
        task = _task_for(cast("Awaitable[object]", result), context)
        try:
            done, _ = await asyncio.wait((task,), timeout=self.hook_timeout)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise TimeoutError(f"it took longer than hook_timeout, {self.hook_timeout:g} seconds")
        if task.cancelled():  # Its CancelledError would end the connection's own task.
            raise RuntimeError("what it was waiting for was cancelled")
        answer = task.result()
        # An async hook that returns what `publish` returned, instead of awaiting it, means the same.
        return await self.wait(cast(object, answer)) if isinstance(answer, Awaitable) else answer

    def failed(self, hook: str, error: BaseException) -> None:
        """Log and count ``error``, the exception being handled. Raise it if it is the user's Ctrl-C."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.failures += 1
        logger.error("plugin %r failed in %s", self.name, hook, exc_info=error)

    def internal_error(self) -> Rejected:
        """What the client is told, and no more."""
        return Rejected("internal", "Something failed on the server. It has been logged; try again later.")


def _task_for(waiting: Awaitable[object], context: Context | None) -> asyncio.Future[object]:
    if isinstance(waiting, asyncio.Future):
        return waiting
    return asyncio.get_running_loop().create_task(isolated(waiting), context=context)


def wrong_result(result: object, wanted: str) -> TypeError:
    """What is wrong with what a hook returned; its value stays out of the log, as it may be anything."""
    return TypeError(f"it returned an object of the type {type(result).__name__}; what it may return is {wanted}")


class Step(ABC):
    """One call of a hook for an event."""

    def __init__(self, hook: str, owner: Owner) -> None:
        self.hook = hook
        self.owner = owner

    def failed(self, error: BaseException) -> None:
        """Deal with ``error``, the exception being handled: raise `Rejected`, or return to go on."""
        if isinstance(error, Rejected) and self.may_refuse:
            raise error
        self.owner.failed(self.hook, error)
        if not self._goes_on():
            raise self.owner.internal_error() from None

    may_refuse = True
    """Whether `Rejected` is an answer here, and no error."""

    def _goes_on(self) -> bool:
        return False

    @abstractmethod
    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Use what the hook returned; return the event to go on with, or None where it must be waited for.

        Raise `TypeError` for what such a hook may not return.
        """


class CheckStep(Step):
    """A guard: an error refuses the event, unless the config says otherwise."""

    def _goes_on(self) -> bool:
        return self.owner.allows_on_error

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """A guard has nothing to say but `Rejected`: one that returns False means to refuse, so it fails."""
        del connection, event
        if isinstance(result, Awaitable):
            return None
        raise wrong_result(result, GUARD_RESULT)


class TransformStep(Step):
    """Work that may return the event to go on with, which keeps the client's ``id``."""

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Go on with another event."""
        del connection
        if isinstance(result, Awaitable):
            return None
        if not isinstance(result, type(event)):
            raise wrong_result(result, f"a {type(event).__name__}, or None to leave it")
        result.id = event.id
        return result


class HandleStep(Step):
    """Work that may return a reply."""

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Send the reply."""
        if isinstance(result, Awaitable):
            return None
        if not isinstance(result, Event):
            raise wrong_result(result, "an event, which is the reply, or None")
        connection.send(result)
        return event


class ObserveStep(Step):
    """A notification: an error is nobody else's concern."""

    may_refuse = False

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Whatever it returns changes nothing."""
        del connection
        return None if isinstance(result, Awaitable) else event

    def _goes_on(self) -> bool:
        return True


def acknowledge(connection: Connection, event: Event) -> Ack:
    """The answer to an event that went through and came with an ``id``."""
    return Ack(
        id=connection.answering,
        room=cast("str | None", getattr(event, "room", None)),
        seq=event.seq if isinstance(event, RoomEvent) else None,
        timestamp=datetime.now(UTC),
    )
