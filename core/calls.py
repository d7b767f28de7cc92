"""Calls the implementations of one hook in turn: guards, of which each may refuse, and notifications."""

from __future__ import annotations

from contextvars import Context

from ..protocol import Rejected
from .steps import GUARD_RESULT, Function, Owner, wrong_result

Calls = tuple[tuple[Function, Owner], ...]


async def guard(hook: str, calls: Calls, arguments: tuple[object, ...], context: Context | None = None) -> None:
    """Raise `Rejected` where a plugin refuses, or fails and is not allowed to."""
    for function, owner in calls:
        try:
            result = owner.call(function, arguments, context)
            if result is not None and (result := await owner.wait(result, context)) is not None:
                raise wrong_result(result, GUARD_RESULT)
        except Rejected:
            raise
        except Exception as error:
            owner.failed(hook, error)
            if not owner.allows_on_error:
                raise owner.internal_error() from None


async def notify(hook: str, calls: Calls, arguments: tuple[object, ...], context: Context | None = None) -> None:
    """Tell each plugin, whatever the others raise."""
    for function, owner in calls:
        try:
            waiting = owner.call(function, arguments, context)
            if waiting is not None:
                await owner.wait(waiting, context)
        except Exception as error:
            owner.failed(hook, error)
