"""What is raised where something on the network is away: within a plugin, and to whoever wanted to publish."""

from __future__ import annotations

import asyncio
from typing import Any

from ..protocol import Rejected


class LinkLost(Exception):
    """A connection is of no use any more; the text says why, and has no secret in it."""


def unavailable(message: str) -> Rejected:
    """The refusal of what cannot be published now, but may be soon."""
    return Rejected("unavailable", message, retry_after=1.0)


def fail_quietly(future: asyncio.Future[Any], error: Exception) -> None:
    """End ``future`` with ``error``, unless it has ended; where nobody waits for it, the log is spared."""
    if not future.done():
        future.set_exception(error)
        future.exception()
