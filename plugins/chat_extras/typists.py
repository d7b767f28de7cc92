"""Who is typing where: told to the others now and then, and taken back by itself."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...core import DONE, Connection, ConnectionManager, Rejected
from .config import ChatExtrasConfig
from .events import Typing
from .messages import room_of

logger = logging.getLogger(__name__)

Place = tuple[str, str]
"""A room and a user."""


@dataclass(slots=True)
class Typist:
    """Somebody who is typing in a room, or was so a moment ago."""

    connection: Connection
    expires: float
    is_told: bool = False
    """Whether the others believe that the user is typing."""
    told_at: float = -math.inf
    watch: asyncio.Task[None] | None = None


class Typists:
    """Everybody who is typing on one server."""

    def __init__(self, manager: ConnectionManager, config_for: Callable[[str], ChatExtrasConfig]) -> None:
        self._manager = manager
        self._config_for = config_for
        self._typists: dict[Place, Typist] = {}

    def __len__(self) -> int:
        return len(self._typists)

    def note(self, connection: Connection, event: Typing) -> Awaitable[None]:
        """Take what a client says, and tell the others if it is news to them and not too soon."""
        room = room_of(event)
        if not event.is_typing:
            return self.stopped(room, connection.user, event)
        now, config, place = self._manager.now(), self._config_for(room), (room, connection.user)
        typist = self._typists.get(place)
        if typist is None:
            typist = self._typists[place] = Typist(connection, now)
            typist.watch = asyncio.get_running_loop().create_task(self._watch(place, typist))
        typist.connection, typist.expires = connection, now + config.typing_expires
        if now - typist.told_at < config.typing_seconds:
            return DONE
        typist.told_at, typist.is_told = now, True
        return self._manager.publish(room, event, exclude=connection)

    def stopped(self, room: str, user: str, event: Typing | None = None) -> Awaitable[None]:
        """Take back that the user is typing, if the others believe it. ``event`` is how the client said so."""
        typist = self._typists.get((room, user))
        if typist is None or not typist.is_told:
            return DONE
        typist.is_told = False
        if event is None:
            now = self._manager.timestamp(self._manager.now())
            event = Typing(room=room, user=user, timestamp=now, is_typing=False)
        return self._manager.publish(room, event, exclude=typist.connection)

    def stop(self) -> None:
        """Nobody is left who types."""
        for typist in self._typists.values():
            if typist.watch is not None:
                typist.watch.cancel()
        self._typists.clear()

    async def _watch(self, place: Place, typist: Typist) -> None:
        """Take it back when the user has stopped, and forget when the user may be told of again."""
        seconds = self._config_for(place[0]).typing_seconds
        while True:
            until = typist.expires if typist.is_told else typist.told_at + seconds
            if until > self._manager.now():
                await asyncio.sleep(until - self._manager.now())
            elif typist.is_told:
                await self._expire(place)
            else:
                del self._typists[place]
                return

    async def _expire(self, place: Place) -> None:
        try:
            await self.stopped(*place)
        except Rejected as rejected:
            logger.info("the room %r is not told that %s has stopped typing: %s", *place, rejected.message)
        except Exception:
            logger.exception("the room %r cannot be told that %s has stopped typing", *place)
