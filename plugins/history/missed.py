"""What somebody has missed who comes back: out of memory where it is at hand, else out of the store."""

from __future__ import annotations

from ...protocol import Encoded
from .room_recorder import MOST_AT_ONCE, RoomRecorder, publication_of
from .shared_room import SharedRoom
from .store import Store


async def read_missed(
    store: Store, room: RoomRecorder | SharedRoom, epoch: str | None, since: int, most: int, space: int
) -> list[Encoded] | None:
    """Everything that went out after ``since``; None where that is not known, or too much.

    Too much is more than ``most`` events, or more than ``space`` bytes of JSON. Raise `StoreUnavailable`.
    """
    events: list[Encoded] = []
    while epoch == room.epoch and 0 <= room.delivered - since <= most - len(events):
        recent = room.recent.newest(room.delivered - since)
        if recent is not None:
            if sum(len(encoded.json) for encoded in recent) > space:
                return None
            events += recent
            room.recent.has_been(events)  # Who comes back has company: others have missed the same.
            return events
        page = await store.read(room.room, since, MOST_AT_ONCE)
        space -= sum(len(stored.event) for stored in page)
        if not page or page[0].seq != since + 1 or space < 0:
            return None
        for stored in page:
            if stored.seq <= room.delivered:  # What is stored but not out yet comes live.
                events.append(publication_of(room.room, stored))
                since = stored.seq
    return None
