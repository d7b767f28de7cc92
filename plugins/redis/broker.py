"""The broker on Redis: connects, and connects again, and knows what is to be subscribed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from redis.exceptions import MovedError, ResponseError

from ...core import Backoff, Channel, LinkLost, Receiver, Rejected, RemoteBroker, unavailable
from .channels import Channels
from .config import RedisConfig
from .endpoint import Endpoint
from .link import explain
from .session import Session
from .topology import BehindSentinels, Sharded, Single, Topology

logger = logging.getLogger(__name__)

AWAY = "The broker is away; nothing was published."


class RedisBroker(RemoteBroker):
    """Carries publications by Redis's publish and subscribe, with a channel for each room and each server.

    Redis keeps nothing of it: what is published while a server is not connected does not reach it.
    """

    def __init__(self, config: RedisConfig) -> None:
        self._config = config
        self._endpoint = Endpoint(config.url.get_secret_value())
        self._topology = _topology(config, self._endpoint)
        self._place = self._topology.place
        self._channels = Channels(config.prefix)
        self._rooms: dict[str, bytes] = {}
        self._names: dict[bytes, str] = {}
        self._session: Session | None = None
        self._is_away = True
        self._task: asyncio.Task[None] | None = None
        self._refusals: set[str] = set()

    # Start and end

    def start(self, receiver: Receiver, node: str) -> Awaitable[None]:
        """Connect; where that fails, tell so, and go on trying."""
        super().start(receiver, node)
        self._tried = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._live())
        return self._tried

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def _live(self) -> None:
        backoff, is_told = Backoff(self._config.max_reconnect_seconds), ""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await self.attempt(self._connected())
            if not self._is_away or not self._tried.done():
                self._is_away, is_told = True, reason
                self.receiver.broker_lost(f"Redis at {self._place}: {reason}")
                if not self._tried.done():
                    self._tried.set_result(None)
            elif reason != is_told:
                is_told = reason
                logger.warning("still no connection to Redis at %s: %s", self._place, reason)
            if loop.time() - began > self._config.timeout + self._config.max_reconnect_seconds:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _connected(self) -> str:
        """Connect, and stay so as long as it lasts; return why it does not."""
        session = Session(
            self._endpoint,
            self._topology,
            self._arrived,
            self._refused,
            timeout=self._config.timeout,
            most_waiting=self._config.max_queue_bytes,
        )
        reasons: list[str] = []
        try:
            await session.open()
            async with asyncio.TaskGroup() as group:
                session.run(group)
                session.subscribe((self._channels.nodes, self._channels.node(self.node), *self._rooms.values()))
                self._session = session
                await session.all_subscribed()
                self._found()
        except* LinkLost as lost:
            reasons.extend(_reasons(lost))
        except* Exception:
            logger.exception("the connection to Redis broke by a mistake of Hubbub's own")
            reasons.append("a mistake of Hubbub's own, see above")
        finally:
            self._session = None
            await session.close()
        return reasons[0]

    def _found(self) -> None:
        self._is_away = False
        self._refusals.clear()
        if self._tried.done():
            self.receiver.broker_found()
        else:
            self._tried.set_result(None)

    # What goes out

    def send(self, room: str, payload: bytes) -> asyncio.Future[None]:
        """Publish to a room's channel; see `RemoteBroker.send`."""
        return self._publish(self._rooms.get(room) or self._channels.room(room), payload)

    def tell(self, node: str | None, payload: bytes) -> asyncio.Future[None]:
        """Publish to the channel of a server, or of all; see `Broker.tell`."""
        return self._publish(self._channels.nodes if node is None else self._channels.node(node), payload)

    def _publish(self, channel: bytes, payload: bytes) -> asyncio.Future[None]:
        if self._is_away or self._session is None:
            raise unavailable(AWAY)
        return self._session.publish(channel, payload)

    def _refused(self, error: ResponseError) -> Rejected:
        if isinstance(error, MovedError) and self._session is not None:
            self._session.abandon("the slots of the cluster have moved")
        elif str(error) not in self._refusals:
            self._refusals.add(str(error))
            logger.error("Redis at %s refuses what is published: %s", self._place, explain(error))
        return unavailable("The broker refused it; the server's log says why. Nothing was published.")

    def check(self) -> None:
        """Refuse while there is no connection; see `Broker.check`."""
        if self._is_away or self._session is None:
            raise unavailable(AWAY)

    def channel_of(self, room: str) -> Channel | None:
        """Where a store in the same Redis may publish; see `Broker.channel_of`."""
        return Channel(self._place, self._rooms.get(room) or self._channels.room(room))

    # What comes in

    def subscribe(self, room: str) -> None:
        """Subscribe to a room's channel; see `Broker.subscribe`."""
        if room not in self._rooms:
            channel = self._rooms[room] = self._channels.room(room)
            self._names[channel] = room
            if self._session is not None:
                self._session.subscribe((channel,))

    def unsubscribe(self, room: str) -> None:
        """Unsubscribe from it; see `Broker.unsubscribe`."""
        channel = self._rooms.pop(room, None)
        if channel is not None:
            del self._names[channel]
            if self._session is not None:
                self._session.unsubscribe(channel)

    async def subscribed(self, room: str) -> None:
        """Wait until Redis has confirmed; where it is away, `Receiver.broker_found` tells that later."""
        if self._session is not None and room in self._rooms:
            await self._session.subscribed(self._rooms[room])

    def _arrived(self, channel: bytes, payload: bytes) -> None:
        room = self._names.get(channel)
        if room is not None:
            # Until everything is subscribed nothing comes: the gap about what was missed has to come first.
            if not self._is_away:
                self.received(room, payload)
        elif not self._channels.is_room(channel):
            self.receiver.hear(payload)


def _topology(config: RedisConfig, endpoint: Endpoint) -> Topology:
    if config.sentinel is not None:
        return BehindSentinels(endpoint, config.sentinel, config.timeout)
    return Sharded(endpoint, config.timeout) if config.cluster else Single(endpoint)


def _reasons(group: BaseExceptionGroup[LinkLost]) -> list[str]:
    return [str(each) for each in group.exceptions]
