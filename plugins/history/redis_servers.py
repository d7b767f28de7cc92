"""Which Redis has a key: the one of the URL, the master that Sentinels name, or a master of a cluster."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError

from .redis_config import InRedis, InSentinels

SLOTS = 16384
LOOK_SECONDS = 1.0
"""How long a master is believed to be one, where Sentinels know."""

Reply: TypeAlias = "bytes | int | list[Reply] | None"


class Pools:
    """Makes clients as the URL wants them, to whichever host that is."""

    def __init__(self, url: str, *, connections: int, timeout: float) -> None:
        """Raise `ValueError` where ``url`` is none. Each client has ``connections`` at most."""
        self._url = urlsplit(url)
        self._connections = connections
        self._timeout = timeout
        self.options = cast("Mapping[str, object]", self.client().connection_pool.connection_kwargs)

    @property
    def is_tcp(self) -> bool:
        """Whether the URL names a host and the database 0, and no socket."""
        return "path" not in self.options and not self.options.get("db")

    def client(self, address: str | None = None) -> Redis:
        """A client of the Redis at ``address``, or of that of the URL."""
        netloc = self._url.netloc
        if address is not None:
            login, at, _ = netloc.rpartition("@")
            netloc = f"{login}{at}{address}"
        return self._client(urlunsplit(self._url._replace(netloc=netloc)))

    def sentinel(self, address: str, password: str | None) -> Redis:
        """A client of a Sentinel, which has no databases, and users of its own."""
        options: dict[str, str] = {} if password is None else {"password": password}
        tls = urlencode([each for each in parse_qsl(self._url.query) if each[0].startswith("ssl")])
        return self._client(urlunsplit((self._url.scheme, address, "", tls, "")), **options)

    def _client(self, url: str, **options: str) -> Redis:
        # A second try could store the same events again.
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] # of **kwargs
            url,
            max_connections=self._connections,
            timeout=self._timeout,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **options,
        )
        return Redis.from_pool(pool)


class Servers(ABC):
    """Finds who has a key, among masters alone."""

    place: str
    """What a broker in the same place calls that in `Channel.place`."""
    publish = "PUBLISH"
    """The command that reaches the channels of the broker in the same place."""
    moves = False
    """Whether `look` may find others than before."""

    @abstractmethod
    async def look(self) -> None:
        """Find out who has what, where that is not known. Raise an error of Redis where that cannot be told."""

    @abstractmethod
    def of(self, key: str) -> Redis:
        """Who has a key, as `look` has found."""

    @abstractmethod
    def all(self) -> Sequence[Redis]:
        """Everybody who has keys, as `look` has found."""

    def doubt(self) -> None:  # noqa: B027
        """Let `look` ask again, for what it has found may no longer be so."""

    async def close(self) -> None:
        """Disconnect."""
        for client in self.all():
            await client.aclose()


class Single(Servers):
    """The Redis of the URL."""

    def __init__(self, pools: Pools) -> None:
        self.place = str(pools.options.get("path") or host_of(pools.options))
        self._client = pools.client()

    async def look(self) -> None:
        """It is always the same."""

    def of(self, key: str) -> Redis:
        """It has all keys."""
        del key
        return self._client

    def all(self) -> Sequence[Redis]:
        """There is one."""
        return (self._client,)


class BehindSentinels(Servers):
    """The master that Sentinels name."""

    moves = True

    def __init__(self, pools: Pools, config: InSentinels) -> None:
        self.place = f"{config.master} of {', '.join(sorted(config.hosts))}"
        self._pools = pools
        password = None if config.password is None else config.password.get_secret_value()
        self._sentinels = {host: pools.sentinel(host, password) for host in config.hosts}
        self._name = config.master
        self._address = ""
        self._master: Redis | None = None
        self._look_at = 0.0

    async def look(self) -> None:
        """Ask the Sentinels now and then, so that one that is a master no longer is not written to for long."""
        if time.monotonic() < self._look_at:
            return
        if self._master is None:
            await self._ask()
        else:
            with suppress(RedisError, OSError):  # Then it stays as it is.
                await self._ask()
        self._look_at = time.monotonic() + LOOK_SECONDS

    async def _ask(self) -> None:
        reasons: list[str] = []
        for host, sentinel in tuple(self._sentinels.items()):
            try:
                words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
                found = cast("tuple[bytes, bytes] | None", await _execute(sentinel, *words))
            except (RedisError, OSError) as error:
                reasons.append(f"{host}: {error or type(error).__name__}")
                continue
            if found is not None:
                self._sentinels = {host: self._sentinels.pop(host), **self._sentinels}  # It is asked first now.
                await self._follow(address_of(found[0].decode(), int(found[1])))
                return
            reasons.append(f"{host}: it knows no master {self._name!r}")
        raise NotConnected(f"no Sentinel names the master: {'; '.join(reasons)}")

    async def _follow(self, address: str) -> None:
        if address == self._address:
            return
        master = self._pools.client(address)
        try:
            role = cast("list[Reply]", await _execute(master, "ROLE"))
            if role[0] != b"master":
                raise NotConnected(f"{address} is no master")
        except BaseException:
            await master.aclose()
            raise
        before, self._master, self._address = self._master, master, address
        if before is not None:
            await before.aclose()

    def doubt(self) -> None:
        """The next `look` asks, and fails where nobody knows."""
        self._look_at, self._address = 0.0, ""

    def of(self, key: str) -> Redis:
        """The master has all keys."""
        del key
        assert self._master is not None
        return self._master

    def all(self) -> Sequence[Redis]:
        """There is one master."""
        return () if self._master is None else (self._master,)

    async def close(self) -> None:
        """Disconnect."""
        await super().close()
        for sentinel in self._sentinels.values():
            await sentinel.aclose()


class Sharded(Servers):
    """The masters of a Redis Cluster."""

    publish = "SPUBLISH"
    moves = True

    def __init__(self, pools: Pools) -> None:
        """Raise `ValueError` where the URL cannot be that of a cluster."""
        if not pools.is_tcp:
            raise ValueError("a Redis Cluster is reached by host and port, and has the database 0 alone")
        self._seed = host_of(pools.options)
        self.place = f"cluster at {self._seed}"
        self._pools = pools
        self._clients: dict[str, Redis] = {}
        self._by_slot: list[Redis] = []

    async def look(self) -> None:
        """Ask the one of the URL, or where it is away, those that were known before."""
        if self._by_slot:
            return
        reasons: list[str] = []
        for address in dict.fromkeys((self._seed, *self._clients)):
            client = self._clients.get(address) or self._pools.client(address)
            try:
                reply = cast("list[list[Reply]]", await _execute(client, "CLUSTER", "SLOTS"))
                await self._learn(address, reply)
                return
            except (RedisError, OSError) as error:
                reasons.append(f"{address}: {error or type(error).__name__}")
            finally:
                if client not in self._clients.values():
                    await client.aclose()
        raise NotConnected(f"no Redis of the cluster can be asked: {'; '.join(reasons)}")

    async def _learn(self, asked: str, reply: list[list[Reply]]) -> None:
        by_slot: dict[int, str] = {}
        for first, last, master, *_ in reply:
            host, port, *_ = cast("list[Reply]", master)
            name = host.decode() if isinstance(host, bytes) and host else asked.rpartition(":")[0].strip("[]")
            address = address_of(name, cast(int, port))
            by_slot.update(dict.fromkeys(range(cast(int, first), cast(int, last) + 1), address))
        if len(by_slot) != SLOTS:
            raise NotConnected("not all slots of the cluster are served")
        before, addresses = self._clients, set(by_slot.values())
        self._clients = {each: before.get(each) or self._pools.client(each) for each in addresses}
        self._by_slot = [self._clients[by_slot[slot]] for slot in range(SLOTS)]
        for address in before.keys() - addresses:
            await before[address].aclose()

    def doubt(self) -> None:
        """The next `look` asks."""
        self._by_slot = []

    def of(self, key: str) -> Redis:
        """The master of the key's slot."""
        return self._by_slot[key_slot(key.encode())]

    def all(self) -> Sequence[Redis]:
        """All masters."""
        return tuple(self._clients.values())


def servers_of(pools: Pools, config: InRedis) -> Servers:
    """As the config says. Raise `ValueError` where the URL does not fit."""
    if config.sentinel is not None:
        if "path" in pools.options:
            raise ValueError("the master that Sentinels name is reached by host and port, not by a socket")
        return BehindSentinels(pools, config.sentinel)
    return Sharded(pools) if config.cluster else Single(pools)


def host_of(options: Mapping[str, object]) -> str:
    """Where the URL says, as host:port."""
    return address_of(str(options.get("host", "localhost")), cast(int, options.get("port", 6379)))


def address_of(host: str, port: int) -> str:
    """As host:port, as it stands in a URL."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"


async def _execute(client: Redis, *words: str) -> object:
    return cast(object, await client.execute_command(*words))  # pyright: ignore[reportUnknownMemberType]
