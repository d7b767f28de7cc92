"""The kinds of steps that an event of a client goes through, and what an exception means in each."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from ..protocol import Ack, Event, Rejected, RoomEvent
from .eager import DONE
from .plugin import PluginConfig

if TYPE_CHECKING:
    from .connection import Connection

logger = logging.getLogger(__name__)

Function = Callable[..., object]


class Owner:
    """A plugin as the pipeline sees it: how long it may take, and what its errors mean."""

    def __init__(self, name: str, config: PluginConfig, hook_timeout: float) -> None:
        self.name = name
        self.allows_on_error = config.on_error == "allow"
        self.hook_timeout = config.hook_timeout or hook_timeout
        self.failures = 0

    async def wait(self, result: object) -> object:
        """Wait for what a hook returned if it is awaitable, for ``hook_timeout`` seconds at most.

        Raise `TimeoutError` after that, and whatever the hook raises.
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
        if task.cancelled():  # Its CancelledError would end the connection's own task.
            raise RuntimeError("what it was waiting for was cancelled")
        return task.result()

    def failed(self, hook: str) -> None:
        """Log and count the exception being handled."""
        self.failures += 1
        logger.exception("plugin %r failed in %s", self.name, hook)

    def internal_error(self) -> Rejected:
        """What the client is told, and no more."""
        return Rejected("internal", "Something failed on the server. It has been logged; try again later.")


class Step(ABC):
    """One call of a hook for an event."""

    def __init__(self, hook: str, owner: Owner) -> None:
        self.hook = hook
        self.owner = owner

    def failed(self) -> None:
        """Deal with the exception being handled: raise `Rejected` ``internal``, or return to go on."""
        self.owner.failed(self.hook)
        if not self._goes_on():
            raise self.owner.internal_error() from None

    def _goes_on(self) -> bool:
        return False

    @abstractmethod
    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Use what the hook returned; return the event to go on with, or None where it must be waited for."""


class CheckStep(Step):
    """A guard: an error refuses the event, unless the config says otherwise."""

    def _goes_on(self) -> bool:
        return self.owner.allows_on_error

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """A guard has nothing to say but `Rejected`."""
        del connection
        return None if isinstance(result, Awaitable) else event


class TransformStep(Step):
    """Work that may return the event to go on with, which keeps the client's ``id``."""

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Go on with another event."""
        del connection
        if isinstance(result, Awaitable):
            return None
        changed = cast(Event, result)
        changed.id = event.id
        return changed


class HandleStep(Step):
    """Work that may return a reply."""

    def take(self, result: object, connection: Connection, event: Event) -> Event | None:
        """Send the reply."""
        if isinstance(result, Awaitable):
            return None
        connection.send(cast(Event, result))
        return event


class ObserveStep(CheckStep):
    """A notification: an error is nobody else's concern."""

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
