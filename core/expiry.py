"""Closes connections whose credentials have expired."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from .connection import Connection
from .plugin import StateKey

LONGEST = 86400.0
"""Seconds that are waited at once: the clock of the event loop and that of the wall drift apart."""

EXPIRED = "Your credentials have expired: come back with new ones."

_TIMER = StateKey[asyncio.TimerHandle]("core.expiry")


def watch_expiry(connection: Connection) -> None:
    """Close ``connection`` when its identity expires, with 4001. Called again, the new identity counts."""
    forget_expiry(connection)
    expires = connection.identity.expires
    if expires is None:
        return
    seconds = (expires - datetime.now(UTC)).total_seconds()
    loop = asyncio.get_running_loop()
    if seconds > LONGEST:
        connection.state[_TIMER] = loop.call_later(LONGEST, watch_expiry, connection)
    else:
        connection.state[_TIMER] = loop.call_later(max(seconds, 0.0), connection.close, 4001, EXPIRED)


def forget_expiry(connection: Connection) -> None:
    """Watch no longer."""
    timer = connection.state.pop(_TIMER, None)
    if timer is not None:
        timer.cancel()
