"""Keeps what a plugin raises, and what it sets off, from taking anybody else down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import Context, ContextVar, copy_context

MOST_WITHIN = 8
"""How many publications may be made within each other, by hooks about the one before."""

_within: ContextVar[int] = ContextVar("hubbub_publications_within_each_other", default=0)


def contained(error: BaseException) -> Exception:
    """An `Exception` instead of one that would end more than its hook, such as the `SystemExit` of a library."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return error if isinstance(error, Exception) else RuntimeError(f"it raised {type(error).__name__}")


async def isolated(waiting: Awaitable[object]) -> object:
    """The result of what a hook has to wait for. Raise what it raises, but nothing that would stop the loop."""
    try:
        return await waiting
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise contained(error) from error


def one_publication_further() -> Context:
    """Where the hooks about a publication run, so that what they publish is known to be within it.

    Raise `RuntimeError` where that goes too deep: a plugin that answers its own answers would go on for ever.
    """
    number = _within.get() + 1
    if number > MOST_WITHIN:
        raise RuntimeError(
            f"{MOST_WITHIN} publications were made within each other: a hook about publications publishes what "
            "it is called for again; narrow the annotation of its event, or leave out what the plugin published"
        )
    context = copy_context()
    context.run(_within.set, number)
    return context
