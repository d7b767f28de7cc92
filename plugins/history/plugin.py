"""History: keeps what is published, answers who asks for it, and gives those who come back what they missed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from msgspec import Raw
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from ...core import Connection, Plugin, PluginConfig, PluginError, Rejected, hookimpl, with_seq
from .commands import COMMANDS
from .events import HistoryQuery, HistoryReply
from .mailbox import Mailbox
from .recorder import AWAY, StoreRecorder
from .redis_config import InRedis
from .room_recorder import unavailable
from .store import Durability, Retention, Store, StoreUnavailable, StoreUnusable
from .stores import STORES, URLS, make_store

logger = logging.getLogger(__name__)

START_PATIENCE = 3.0
"""Seconds that the store may take to start until the server starts without it."""


OF_THE_SERVER = ("store", "path", "url", "redis", "jetstream", "max_recovered", "trim_interval", "private")
"""Options that cannot differ between rooms."""

OF_SOME_STORES: Mapping[str, tuple[str, ...]] = {
    "path": ("sqlite",),
    "url": ("postgres", "redis", "jetstream"),
    "redis": ("redis",),
    "jetstream": ("jetstream",),
}
"""Options that say something to some stores alone, and which these are."""


class KeptPrivate(BaseModel):
    """How much is kept for somebody who is offline."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    keep: int = Field(default=0, ge=0, description="messages for each user who is offline; 0: none")
    seconds: float = Field(default=7 * 86400.0, gt=0, description="how long they are kept")
    guests: bool = Field(
        default=False, description="whether guests get them, too: anybody may come as a guest of that name"
    )


class InJetStream(BaseModel):
    """Which stream holds the history, and who may reach it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stream: str = Field(default="hubbub_history", description="name of the stream; its subjects begin with it")
    replicas: int = Field(
        default=1, ge=1, le=5, description="servers of a cluster that have the stream; 3 outlive the loss of one"
    )
    storage: Literal["file", "memory"] = Field(default="file", description="where they have it: file or memory")
    credentials: Path | None = Field(
        default=None, description="file of a JWT and its key to log in with, as nsc writes it"
    )
    ca_file: Path | None = Field(
        default=None, description="certificates that vouch for NATS, in PEM; without it, the system's"
    )


class HistoryConfig(PluginConfig):
    """The options of `history`."""

    store: str = Field(default="memory", description=f"where events are kept: {', '.join(STORES)}")
    path: Path = Field(default=Path("hubbub.sqlite"), description="the file of the sqlite store")
    url: SecretStr | None = Field(
        default=None,
        description="of the postgres, redis or jetstream store, as in postgresql://user@host/database",
    )
    durability: Durability = Field(
        default="full",
        description="what an ack outlives: full, a power failure; normal, the end of the server's process; with "
        "redis or jetstream, what their own settings say",
    )
    keep: int = Field(default=1000, ge=0, description="events that are kept of each room; 0: none")
    seconds: float | None = Field(
        default=None, gt=0, description="how long they are kept; null: as long as they fit"
    )
    page: int = Field(default=100, ge=1, le=1000, description="events in one answer to history, at most")
    max_recovered: int = Field(
        default=1000,
        ge=0,
        description="events that somebody who comes back is given; beyond that: recovered false",
    )
    trim_interval: float = Field(default=30.0, gt=0, description="seconds between two removals of what is too old")
    redis: InRedis = Field(default=InRedis(), description="the Sentinels or the cluster of the redis store")
    jetstream: InJetStream = Field(default=InJetStream(), description="the stream of the jetstream store")
    private: KeptPrivate = Field(default=KeptPrivate(), description="private messages for those who are offline")

    @field_validator("store")
    @classmethod
    def _is_a_store(cls, store: str) -> str:
        if store not in STORES:
            raise ValueError(f"there is no store {store!r}; there are: {', '.join(STORES)}")
        return store

    @field_validator(*OF_SOME_STORES)
    @classmethod
    def _is_of_the_store(cls, value: object, info: ValidationInfo) -> object:
        # Who names a file and forgets `store: sqlite` would find nothing after a restart.
        store, stores = info.data.get("store"), OF_SOME_STORES[info.field_name or ""]
        default = cls.model_fields[info.field_name or ""].get_default()
        if value != default and store is not None and store not in stores:
            raise ValueError(
                f"is for store: {', '.join(stores)}; but store is {store}. Change one, or remove this"
            )
        return value

    @model_validator(mode="after")
    def _has_a_url(self) -> Self:
        if self.store in URLS and self.url is None:
            raise ValueError(
                f"the store {self.store!r} needs a url, such as {URLS[self.store]}; out of the "
                "environment, and out of this file: url: !env NAME"
            )
        return self


class History(Plugin[HistoryConfig]):
    """Records rooms and answers about them."""

    events = (HistoryQuery,)
    commands = COMMANDS

    def __init__(self, config: HistoryConfig, overrides: Mapping[str, HistoryConfig] | None = None) -> None:
        """Raise `PluginError` where the store that the config names cannot be."""
        super().__init__(config, overrides)
        make_store(config)  # `hubbub check`, which starts nothing, is to find a mistake, too.

    @hookimpl
    async def startup(self) -> None:
        """Open the store, and become the server's recorder."""
        config = self.config
        for other in self.configs[1:]:
            if any(getattr(other, name) != getattr(config, name) for name in OF_THE_SERVER):
                raise PluginError(f"{', '.join(OF_THE_SERVER)} hold for the whole server, not for some rooms")
        store = make_store(config)
        self._mailbox = Mailbox(self.manager, store, self._private_retention)
        self._recorder = StoreRecorder(
            self.manager, store, self.retention_of, self._mailbox, max_recovered=config.max_recovered
        )
        self._starting = asyncio.ensure_future(store.start())
        await asyncio.wait((self._starting,), timeout=START_PATIENCE)
        try:
            if self._starting.done():
                self._starting.result()
            else:
                self._starting.add_done_callback(_started_late)
                raise StoreUnavailable(f"It has not answered within {START_PATIENCE:g} seconds.")
        except StoreUnusable as error:
            await store.stop()
            raise PluginError(str(error)) from None
        except StoreUnavailable as error:
            self._recorder.trouble.report(error)
        self.manager.publisher.recorder = self._recorder
        self._trimming = asyncio.get_running_loop().create_task(self._trim(store))

    @hookimpl
    async def shutdown(self) -> None:
        """Let the store finish what it has, and close it."""
        self._starting.cancel()
        self._trimming.cancel()
        self._recorder.trouble.stop()
        await self._mailbox.stop()
        await self._recorder.store.stop()

    @hookimpl
    async def connected(self, connection: Connection) -> None:
        """Give out the private messages that were kept."""
        private = self.config.private
        if private.keep and (private.guests or not connection.identity.is_guest):
            await self._mailbox.give_out(connection)

    @hookimpl
    async def handle_event(self, event: HistoryQuery) -> HistoryReply:
        """Answer with a page of a room's events."""
        room, most = event.room, self.config_for(event.room).page
        assert room is not None
        if self.retention_of(room) is None:
            raise Rejected("forbidden", f"Nothing is kept of the room {room!r}.", path="room")
        limit = min(event.limit or most, most)
        try:
            epoch, last = await self._recorder.position(room)
            before = min(event.before or last + 1, last + 1)
            page = await self._recorder.store.read_back(room, before, limit + 1)
        except StoreUnavailable as error:
            self._recorder.trouble.report(error)
            raise unavailable(AWAY) from None
        shown = page[-limit:]
        return HistoryReply(
            room=room,
            events=[Raw(with_seq(stored.event, stored.seq)) for stored in shown],
            epoch=epoch,
            first=shown[0].seq if shown else before,
            last=shown[-1].seq if shown else before - 1,
            more=len(page) > limit,
        )

    @hookimpl
    def left(self, room: str) -> None:
        """Let go of a room that nobody is in any more."""
        self._recorder.forget(room)

    def retention_of(self, room: str) -> Retention | None:
        """How much is kept of a room; None: nothing."""
        config = self.config_for(room)
        if not config.keep:
            return None
        return Retention(config.keep, config.seconds, self.manager.config.id_window, durability=config.durability)

    @cached_property
    def _private_retention(self) -> Retention | None:
        private = self.config.private
        if not private.keep:
            return None
        window, durability = self.manager.config.id_window, self.config.durability
        return Retention(private.keep, private.seconds, window, durability=durability)

    async def _trim(self, store: Store) -> None:
        """Remove what is not to be kept, again and again."""
        while True:
            await asyncio.sleep(self.config.trim_interval)
            with suppress(StoreUnavailable):
                await store.trim(self._retention_of_any, now=time.time())

    def _retention_of_any(self, room: str) -> Retention:
        """Of a room, a mailbox, or one of which nothing is kept any more."""
        found = self._private_retention if " " in room else self.retention_of(room)
        return found or Retention(0, None, self.manager.config.id_window)


def _started_late(starting: asyncio.Future[None]) -> None:
    if not starting.cancelled() and (error := starting.exception()) is not None:
        logger.error("the history store did not start: %s", error)
