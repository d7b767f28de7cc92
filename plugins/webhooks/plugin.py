"""Notices what happens and puts it into the outbox; nothing here waits."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import count

from yarl import URL

from ...core import Connection, Plugin, RoomEvent, hookimpl
from .config import WebhooksConfig
from .delivery import Delivery, Receiver
from .endpoint import Endpoint
from .losses import Losses
from .outbox import Outbox
from .payload import Connected, Disconnected, Joined, Left, Occupied, Published, Told, Vacated, encode

MAY_DIFFER = {"events", "on_error", "hook_timeout"}
"""The options that may be others for the rooms of a pattern."""
PART_OF_HOOK_TIMEOUT = 0.9


class Webhooks(Plugin[WebhooksConfig]):
    """Posts what happens to a URL, in signed batches."""

    def __init__(self, config: WebhooksConfig, overrides: Mapping[str, WebhooksConfig] | None = None) -> None:
        """Raise `ValueError` where a room pattern has an option that cannot differ."""
        super().__init__(config, overrides)
        for pattern, override in (overrides or {}).items():
            for name in type(config).model_fields.keys() - MAY_DIFFER:
                if getattr(override, name) != getattr(config, name):
                    raise ValueError(
                        f"rooms.options.{pattern}.plugins.webhooks.{name}: this is the same for all rooms; "
                        "for some rooms only 'events' may differ"
                    )

    def receiver(self) -> Receiver:
        """Where the batches go."""
        return Endpoint(self.config.url, self.config.keys, self.config.timeout)

    @property
    def delivered(self) -> int:
        """How many events the receiver has accepted since the start."""
        return self._delivery.delivered

    @property
    def lost(self) -> int:
        """How many events will never be delivered."""
        return self._losses.total

    @hookimpl
    def startup(self) -> None:
        """Begin to wait for events."""
        name = str(URL(self.config.url).origin())  # The rest of the URL may be a secret.
        self._seq = count(1)
        self._members: dict[str, set[str]] = {}
        self._losses = Losses(name, self.manager.now)
        self._outbox = Outbox(self.config, self._losses)
        self._delivery = Delivery(
            self._outbox, self.receiver(), self._losses, self.config, name=name, now=self.manager.now
        )

    @hookimpl
    async def shutdown(self) -> None:
        """Send what is left, as long as that may take."""
        longest = self.config.hook_timeout or self.manager.config.hook_timeout
        await self._delivery.finish(min(self.config.flush_timeout, longest * PART_OF_HOOK_TIMEOUT))

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Tell of a connection."""
        if "connected" in self.config.events:
            self._tell(Connected(user=connection.user, connection=connection.id))

    @hookimpl
    def disconnected(self, connection: Connection, code: int, reason: str) -> None:
        """Tell of its end."""
        if "disconnected" in self.config.events:
            self._tell(Disconnected(user=connection.user, connection=connection.id, code=code, reason=reason))

    @hookimpl
    def joined(self, connection: Connection, room: str) -> None:
        """Tell of a member, and of the room if it is the first one."""
        there = self.manager.rooms.get(room)
        members = self._members.get(room, set[str]())
        # Slower plugins delay what this one hears: who has gone again meanwhile was never here.
        if there is None or connection not in there or connection.id in members:
            return
        self._members[room] = members
        members.add(connection.id)
        config = self.config_for(room)
        if len(members) == 1 and config.tells("occupied", room):
            self._tell(Occupied(room=room))
        if config.tells("joined", room):
            self._tell(Joined(room=room, user=connection.user, connection=connection.id))

    @hookimpl
    def left(self, connection: Connection, room: str, reason: str) -> None:
        """Tell that a member is gone, and of the room if it was the last one."""
        members = self._members.get(room, set[str]())
        if connection.id not in members:
            return
        members.remove(connection.id)
        config = self.config_for(room)
        if config.tells("left", room):
            self._tell(Left(room=room, user=connection.user, connection=connection.id, reason=reason))
        if not members:
            del self._members[room]
            if config.tells("vacated", room):
                self._tell(Vacated(room=room))

    @hookimpl
    def event_published(self, room: str, event: RoomEvent) -> None:
        """Tell of a publication, without the ``id`` that is its sender's own."""
        if self.config_for(room).tells("published", room):
            if event.id is not None:
                event = copy.copy(event)
                event.id = None
            self._tell(Published(room=room, event=event))

    def _tell(self, event: Told) -> None:
        event.seq = next(self._seq)
        event.timestamp = self.manager.timestamp(self.manager.now())
        self._outbox.put(encode(event))
