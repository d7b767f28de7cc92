"""Which Redis to connect to: the one of the URL, the master that Sentinels name, or all masters of a cluster."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from ...core import LinkLost
from .config import SentinelConfig
from .endpoint import Address, Endpoint, parse_host
from .link import Link, Reply

SLOTS = 16384


class Part(NamedTuple):
    """One Redis, and which slots are there; None: all."""

    address: Address | None
    slots: Sequence[range] | None = None


class Topology(ABC):
    """Finds where to connect."""

    is_sharded = False
    """Whether channels have slots."""
    place: str
    """Which Redis that is; see `Channel.place`."""

    @abstractmethod
    async def find(self) -> Sequence[Part]:
        """Where to connect now. Raise `LinkLost` where that cannot be told."""

    async def check(self, link: Link) -> None:  # noqa: B027
        """Raise `LinkLost` where this is not who was looked for."""

    async def follow(self) -> None:  # noqa: B027
        """Return when nothing more can change. Raise `LinkLost` where `find` would answer something else."""


class Single(Topology):
    """The Redis of the URL."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.place = endpoint.place

    async def find(self) -> Sequence[Part]:
        """It is always the same."""
        return [Part(None)]


class BehindSentinels(Topology):
    """The master that Sentinels name."""

    def __init__(self, endpoint: Endpoint, config: SentinelConfig, timeout: float) -> None:
        self._sentinels = [parse_host(host) for host in config.hosts]
        password = None if config.password is None else config.password.get_secret_value()
        self._endpoint = endpoint.without_login(password)
        self._name = config.master
        self.place = f"{config.master} of {', '.join(sorted(config.hosts))}"
        self._timeout = timeout
        self._master: Address | None = None

    async def find(self) -> Sequence[Part]:
        """Ask one Sentinel after the other; the first that knows is believed, and asked first next time."""
        reasons: list[str] = []
        for sentinel in list(self._sentinels):
            try:
                reply = await _ask(
                    self._endpoint,
                    sentinel,
                    self._timeout,
                    (b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._name.encode()),
                )
                if reply is None:
                    raise LinkLost(f"it knows no master {self._name!r}")
            except LinkLost as error:
                reasons.append(f"{sentinel}: {error}")
                continue
            host, port = cast("tuple[bytes, bytes]", tuple(cast("list[Reply]", reply)))
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            self._master = Address(host.decode(), int(port))
            return [Part(self._master)]
        raise LinkLost(f"no Sentinel names the master: {'; '.join(reasons)}")

    async def check(self, link: Link) -> None:
        """A master that was away may not know yet that it no longer is one."""
        reply = await link.ask(b"ROLE")
        if isinstance(reply, list) and reply[0] != b"master":
            raise LinkLost(f"Redis at {self._master} is no master")

    async def follow(self) -> None:
        """Ask again and again."""
        connected_to = self._master
        while True:
            await asyncio.sleep(self._timeout / 3)
            with suppress(LinkLost):  # Then it stays as it is.
                await self.find()
            if self._master != connected_to:
                raise LinkLost(f"the master is {self._master} now")


class Sharded(Topology):
    """All masters of a Redis Cluster."""

    is_sharded = True

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._known: list[Address] = []
        self.place = f"cluster at {endpoint.place}"

    async def find(self) -> Sequence[Part]:
        """Ask the one of the URL, or where it is away, those that were known before."""
        assert self._endpoint.address is not None
        reasons: list[str] = []
        for address in dict.fromkeys((self._endpoint.address, *self._known)):
            try:
                reply = await _ask(self._endpoint, address, self._timeout, (b"CLUSTER", b"SLOTS"))
                return self._parts(address, cast("list[list[Reply]]", reply))
            except LinkLost as error:
                reasons.append(f"{address}: {error}")
        raise LinkLost(f"no Redis of the cluster can be asked: {'; '.join(reasons)}")

    def _parts(self, asked: Address, reply: Iterable[list[Reply]]) -> Sequence[Part]:
        slots: dict[Address, list[range]] = {}
        for first, last, master, *_ in reply:
            host, port, *_ = cast("list[Reply]", master)
            address = Address(host.decode() if isinstance(host, bytes) and host else asked.host, cast(int, port))
            slots.setdefault(address, []).append(range(cast(int, first), cast(int, last) + 1))
        if sum(len(each) for ranges in slots.values() for each in ranges) != SLOTS:
            raise LinkLost("not all slots of the cluster are served")
        self._known = list(slots)
        return [Part(address, ranges) for address, ranges in slots.items()]


async def _ask(endpoint: Endpoint, address: Address, timeout: float, words: tuple[bytes, ...]) -> Reply:  # noqa: ASYNC109
    link = Link(endpoint, address, timeout)
    try:
        await link.open()
        return await link.ask(*words)
    finally:
        await link.close()
