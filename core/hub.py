"""One server as a whole: its config, plugins, pipeline, manager and broker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import cast

from ..protocol import Ack, Codec, Event, Json, Rejected
from .broker import Broker, MemoryBroker
from .client_address import TrustedProxies
from .config import LoadedConfig
from .config_errors import ConfigError, Problem, show_key
from .connection import Transport
from .connection_manager import ConnectionManager
from .core_events import CoreEvents
from .door import Door
from .identity import Identity
from .implementations import AnyPlugin
from .loader import PluginClass, load_plugins
from .names import check_room_name
from .pipeline import Pipeline
from .plugin import PluginConfig
from .plugin_error import PluginError, told
from .service import perform
from .session import Session

logger = logging.getLogger(__name__)


class Hub:
    """Everything that one server is made of. Two hubs in one process share nothing."""

    def __init__(
        self,
        loaded: LoadedConfig,
        *,
        plugins: Mapping[str, PluginClass] | None = None,
        broker: Broker | None = None,
    ) -> None:
        """``plugins`` are classes that the config may name without their being installed.

        Raise `ConfigError` or `PluginError` where the config or a plugin cannot be used.
        """
        self.config = loaded.config
        self.plugins = load_plugins(loaded, plugins)
        core = CoreEvents(PluginConfig())
        everyone: dict[str, AnyPlugin] = {"core": core, **self.plugins}
        self.pipeline = Pipeline(everyone, self.config.server.hook_timeout)
        self.broker = broker or _broker(loaded, self.plugins) or MemoryBroker()
        self.manager = ConnectionManager(self.config.server, self.config.rooms, self.pipeline, self.broker)
        self.proxies = TrustedProxies(self.config.server.trusted_proxies)
        self.door = Door(self.config.server, lambda: self.manager.now())
        self.codec = _codec(self.plugins)
        self.default_room = _default_room(loaded)
        self.is_ready = False
        self._start: asyncio.Future[None] | None = None
        self.manager.publisher.types = self.codec.types
        core.codec, core.pipeline = self.codec, self.pipeline
        for plugin in everyone.values():
            plugin.manager = self.manager

    def new_session(self, transport: Transport) -> Session:
        """The session of a connection whose handshake was accepted."""
        return Session(self, transport)

    async def start(self) -> None:
        """Connect the broker and start the plugins. Raise `PluginError` where one cannot start.

        Who calls it again waits for the same start, and gets the same error; after `stop` it starts anew.
        """
        if self._start is None or self._start.cancelled():
            self._start = asyncio.ensure_future(self._start_once())
        await asyncio.shield(self._start)

    async def _start_once(self) -> None:
        self.manager.is_draining = False
        self.manager.now = asyncio.get_running_loop().time
        manager = self.manager
        if self.broker.is_shared and self.config.server.secret is None:
            logger.warning(
                "server.secret is not set: what proves a guest's name here is worth nothing on the other servers. "
                "Give all of them the same, made with: openssl rand -hex 32"
            )
        waiting = self.broker.start(manager.publisher, manager.cluster.node)
        if waiting is not None:
            await waiting
        manager.cluster.start(manager.reach.carry_out)
        await self.pipeline.startup()
        self.is_ready = True

    async def start_if_forgotten(self) -> bool:
        """Start unless somebody has, and return whether it is ready. That it cannot start is logged, once."""
        if not self.is_ready and not self.manager.is_draining:
            is_first = self._start is None
            try:
                await self.start()
            except Exception as error:
                if is_first:
                    logger.error("Hubbub cannot start: %s", error, exc_info=_unexplained(error))
        return self.is_ready

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncGenerator[None]:
        """Start, and in the end stop: for ``FastAPI(lifespan=hub.lifespan)``, or in a lifespan of one's own."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def publish(self, room: str, content: Json, *, user: str, id: str | None = None) -> Ack:  # noqa: A002
        """Publish a ``message`` to ``room`` in the name of ``user``, who need not be online.

        It passes every check that a client's would pass, but for the rate limit and the permissions. Sent again
        with the same ``id`` it is published once. Raise `Rejected` where it is refused.
        """
        event = {"type": "message", "room": room, "content": content, **({} if id is None else {"id": id})}
        return (await perform(self, Identity(user, "service"), event)).ack

    async def drain(self) -> None:
        """Let nobody in any more and close every connection, within ``drain_timeout``. Idempotent."""
        if self.is_ready:
            self.is_ready = False
            await self.manager.drain(self.config.server.drain_timeout)

    async def stop(self) -> None:
        """Drain, then stop the plugins and the broker."""
        await self.drain()
        await self.pipeline.shutdown()
        await self.manager.cluster.stop()
        waiting = self.broker.stop()
        if waiting is not None:
            await waiting
        await asyncio.sleep(0)
        self._start = None


def _unexplained(error: Exception) -> Exception | None:
    """The error, if a person needs its traceback."""
    return None if isinstance(error, PluginError) else error


def _default_room(loaded: LoadedConfig) -> str:
    try:
        return check_room_name(loaded.config.rooms.default)
    except Rejected as rejected:
        path = ("rooms", "default")
        raise ConfigError([Problem(loaded.source.where(path), show_key(path), rejected.message)]) from None


def _broker(loaded: LoadedConfig, plugins: Mapping[str, AnyPlugin]) -> Broker | None:
    offered = {name: made for name, plugin in plugins.items() if (made := _broker_of(name, plugin)) is not None}
    if len(offered) > 1:
        first, second = list(offered)[:2]
        path = ("plugins", second)
        text = f"the plugin {first!r} connects the servers already, and there is one broker at most. Keep one."
        raise ConfigError([Problem(loaded.source.where(path), show_key(path), text)])
    return next(iter(offered.values()), None)


def _broker_of(name: str, plugin: AnyPlugin) -> Broker | None:
    try:
        made = cast(object, plugin.make_broker())
    except Exception as error:
        raise PluginError(f"the plugin {name!r} cannot make its broker: {told(error)}") from error
    if isinstance(made, Broker | None):
        return made
    raise PluginError(f"the plugin {name!r}: make_broker returned a {type(made).__name__}, which is no Broker")


def _codec(plugins: Mapping[str, AnyPlugin]) -> Codec:
    owners: dict[str, str] = {}
    events: list[type[Event]] = []
    for name, plugin in plugins.items():
        for event in plugin.events:
            tag = cast(str, event.__struct_config__.tag)
            if tag in owners:
                raise PluginError(
                    f"the plugins {owners[tag]!r} and {name!r} both declare the event type {tag!r}; "
                    "switch one of them off"
                )
            owners[tag] = name
            events.append(event)
    try:
        return Codec(events)
    except (ValueError, TypeError) as error:
        raise PluginError(f"the event types of the plugins do not fit together: {error}") from error
