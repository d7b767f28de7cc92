"""One time of being connected: a pair of connections to each Redis, until the first of them breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from redis.crc import key_slot
from redis.exceptions import MovedError, ResponseError

from ...core import BrokerSession, LinkLost, Rejected
from .endpoint import Address, Endpoint
from .link import Link, command
from .outbox import PATIENCE, Answer, Outbox
from .subscriber import Subscriber
from .topology import SLOTS, Topology


class Shard:
    """One Redis, with a connection for what goes out and one for what comes in."""

    def __init__(
        self,
        endpoint: Endpoint,
        address: Address | None,
        timeout: float,
        most_waiting: int,
        arrived: Callable[[bytes, bytes], None],
        refused: Callable[[ResponseError], Rejected],
        *,
        is_sharded: bool,
    ) -> None:
        self.links = (Link(endpoint, address, timeout), Link(endpoint, address, timeout))
        self.outbox = Outbox(self.links[0], most_waiting, refused)
        self.subscriber = Subscriber(self.links[1], arrived, is_sharded=is_sharded)

    def run(self, group: asyncio.TaskGroup) -> None:
        """Work until a link breaks."""
        for work in (self.outbox.run, self.subscriber.send, self.subscriber.receive):
            group.create_task(work())


class Session(BrokerSession[bytes]):
    """The connections to all of Redis. Whatever breaks raises `LinkLost` in the group in which it runs."""

    def __init__(
        self,
        endpoint: Endpoint,
        topology: Topology,
        arrived: Callable[[bytes, bytes], None],
        refused: Callable[[ResponseError], Rejected],
        *,
        timeout: float,
        most_waiting: int,
    ) -> None:
        """``timeout`` is in seconds, ``most_waiting`` in bytes; see `Outbox` for ``refused``."""
        self.place = topology.place
        self._endpoint = endpoint
        self._topology = topology
        self._arrived = arrived
        self._refused = refused
        self._timeout = timeout
        self._most_waiting = most_waiting
        self._verb = b"SPUBLISH" if topology.is_sharded else b"PUBLISH"
        self._shards: list[Shard] = []
        self._by_slot: list[Shard] = []
        self._abandoned: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Connect. Raise `LinkLost`."""
        by_slot: dict[int, Shard] = {}
        for part in await self._topology.find():
            shard = Shard(
                self._endpoint,
                part.address,
                self._timeout,
                self._most_waiting,
                self._arrived,
                self._answer_to,
                is_sharded=self._topology.is_sharded,
            )
            self._shards.append(shard)
            for link in shard.links:
                await link.open()
                await self._topology.check(link)
            for slots in part.slots or ():
                by_slot.update(dict.fromkeys(slots, shard))
        self._by_slot = [by_slot[slot] for slot in range(SLOTS)] if by_slot else []

    def run(self, group: asyncio.TaskGroup) -> None:
        """Work in ``group``, until something breaks."""
        for shard in self._shards:
            shard.run(group)
        group.create_task(self._watch())
        group.create_task(self._topology.follow())
        group.create_task(self._wait_abandoned())

    async def _wait_abandoned(self) -> None:
        await self._abandoned

    def _answer_to(self, error: ResponseError) -> Rejected:
        if isinstance(error, MovedError) and not self._abandoned.done():
            self._abandoned.set_exception(LinkLost("the slots of the cluster have moved"))
        return self._refused(error)

    async def _watch(self) -> None:
        # By ticks and not by the clock: when this process was frozen itself, Redis is not to blame.
        while True:
            await asyncio.sleep(self._timeout / PATIENCE)
            for shard in self._shards:
                shard.outbox.tick()
                await shard.subscriber.tick()

    def _shard(self, channel: bytes) -> Shard:
        return self._by_slot[key_slot(channel)] if self._by_slot else self._shards[0]

    def publish(self, channel: bytes, payload: bytes) -> Answer:
        """Send something to a channel. Raise `Rejected` where too much waits already."""
        return self._shard(channel).outbox.submit(command(self._verb, channel, payload))

    def subscribe(self, channels: Iterable[bytes]) -> None:
        """Subscribe soon."""
        for channel in channels:
            self._shard(channel).subscriber.subscribe((channel,))

    def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe soon."""
        self._shard(channel).subscriber.unsubscribe(channel)

    async def subscribed(self, channel: bytes) -> None:
        """Wait until a subscription is confirmed, or a link is lost."""
        await self._shard(channel).subscriber.subscribed(channel)

    async def close(self) -> None:
        """Disconnect; what has no answer yet is refused."""
        for shard in self._shards:
            shard.outbox.close()
            shard.subscriber.close()
            for link in shard.links:
                await link.close()
