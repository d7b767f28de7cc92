"""How far everybody has read, in memory: told now and then, and to those who come back."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator

from ...core import ConnectionManager, Rejected
from .config import ChatExtrasConfig
from .events import Read

logger = logging.getLogger(__name__)

MOST_MARKERS = 100_000
"""Beyond it, the oldest markers of the room that was not read for longest are forgotten."""

MOST_GIVEN = 100
"""Markers of others that a newcomer is given: those that moved last."""

AT_ONCE = 100
"""Markers that are told before other work has its turn."""


class RoomMarkers:
    """The markers of one room, by user, those that moved last at the end."""

    __slots__ = ("epoch", "reads")

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.reads: OrderedDict[str, Read] = OrderedDict()


class ReadMarkers:
    """The markers of all rooms of one server."""

    def __init__(
        self,
        manager: ConnectionManager,
        config_for: Callable[[str], ChatExtrasConfig],
        most: int = MOST_MARKERS,
    ) -> None:
        self._manager = manager
        self._config_for = config_for
        self._most = most
        self._count = 0
        self._rooms: OrderedDict[str, RoomMarkers] = OrderedDict()
        self._untold: dict[str, dict[str, Read]] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return self._count

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def move(self, room: str, epoch: str, user: str, read: Read) -> bool:
        """Move a marker forward; False where it was there already, or further on."""
        markers = self._rooms.get(room)
        if markers is None or markers.epoch != epoch:  # What was counted in another epoch means nothing.
            self._count -= len(markers.reads) if markers else 0
            markers = self._rooms[room] = RoomMarkers(epoch)
        before = markers.reads.get(user)
        if before is not None and before.up_to >= read.up_to:
            return False
        self._count += before is None
        markers.reads[user] = read
        markers.reads.move_to_end(user)
        self._rooms.move_to_end(room)
        self._forget_some()
        return True

    def _forget_some(self) -> None:
        while self._count > self._most:
            room, markers = next(iter(self._rooms.items()))
            markers.reads.popitem(last=False)
            self._count -= 1
            if not markers.reads:
                del self._rooms[room]

    def known_to(self, user: str, room: str, epoch: str) -> Iterator[Read]:
        """What somebody who comes is told: the own marker, and those of others where the room is told of them."""
        markers = self._rooms.get(room)
        if markers is None or markers.epoch != epoch:
            return
        own = markers.reads.get(user)
        if own is not None:
            yield own
        if self._config_for(room).read_markers == "room":
            newest = [markers.reads[each] for each in reversed(markers.reads)][: MOST_GIVEN + 1]
            yield from [each for each in newest if each is not own][:MOST_GIVEN]

    def tell_room(self, room: str, user: str, read: Read) -> None:
        """Let the room know, together with what else moves in the next moment."""
        self._untold.setdefault(room, {})[user] = read
        if room not in self._telling:
            self._telling[room] = asyncio.get_running_loop().create_task(self._tell(room))

    async def _tell(self, room: str) -> None:
        while reads := self._untold.pop(room, None):
            for number, read in enumerate(reads.values(), start=1):
                await self._publish(room, read)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(self._config_for(room).read_seconds)
        del self._telling[room]

    async def _publish(self, room: str, read: Read) -> None:
        try:
            await self._manager.publish(room, read)
        except Rejected as rejected:
            logger.info("the room %r is not told how far %s has read: %s", room, read.user, rejected.message)
        except Exception:
            logger.exception("the room %r cannot be told how far %s has read", room, read.user)

    def stop(self) -> None:
        """Tell nobody any more."""
        for task in self._telling.values():
            task.cancel()
        self._telling.clear()
        self._untold.clear()
