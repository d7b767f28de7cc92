"""How the store reaches its stream: a connection when one is needed, the stream, errors to act on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError

from ...core import LinkLost
from .backoff import Backoff
from .jetstream_config import StreamConfig, StreamOptions, check, wanted
from .jetstream_link import Endpoint, Link, has_status
from .store import StoreUnavailable, StoreUnusable

NO_STREAM = 10059
NO_MESSAGE = 10037
WRONG_PLACE = 10071
TAKEN = (10058, 10065)
"""The codes of JetStream's errors: no such stream, no such message, another one came before, name or subjects
belong to another stream."""
IMPOSSIBLE = (10052, 10074)
"""A stream as this cannot be here: its config is refused, several replicas without a cluster."""


SAFE_REPLICAS = (2, 11)
"""Before, replicas take two records for the same place when their leader dies: found with 2.9.10, a kill -9."""


class Failure(msgspec.Struct):
    """What JetStream answers where it does not do something."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class _Info(msgspec.Struct):
    error: Failure | None = None
    config: StreamConfig | None = None


class Refused(Exception):
    """JetStream did not do what it was asked for."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.description} (error {failure.err_code or failure.code} of JetStream)")
        self.code = failure.err_code
        self.description = failure.description


class JetStreamConnection:
    """Keeps one connection to NATS, and the stream there."""

    def __init__(
        self, endpoint: Endpoint, options: StreamOptions, *, timeout: float, renewed: Callable[[], None]
    ) -> None:
        """``renewed`` is called when there is a new connection: the stream may be another one, too."""
        self.subject = f"{options.name}."
        """With what all its subjects begin."""
        self.name = options.name
        self.place = ",".join(endpoint.servers)
        self._endpoint = endpoint
        self._options = options
        self._timeout = timeout
        self._renewed = renewed
        self._link: Link | None = None
        self._connecting = asyncio.Lock()
        self._backoff = Backoff()

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have."""
        return self._link.max_payload if self._link is not None else 1024 * 1024

    async def ask(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, *, patience: float = 0.0
    ) -> Msg:
        """Send a message, and return the answer; see `Link.ask`. Raise `StoreUnavailable` where none comes."""
        link = await self._connected()
        async with self._guard():
            answer = await link.ask(subject, payload, headers, patience=patience)
        await self._look(link, answer)
        return answer

    async def fetch(self, consumer: str, payload: bytes, count: int, *, patience: float) -> list[Msg]:
        """Have a consumer send messages, and return them; see `Link.fetch`. Raise as `ask`."""
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{consumer}"
        link = await self._connected()
        async with self._guard():
            answers = await link.fetch(consumer, subject, payload, count, patience=patience)
        await self._look(link, answers[-1])
        return answers

    @asynccontextmanager
    async def _guard(self) -> AsyncGenerator[None]:
        try:
            yield
        except LinkLost as error:
            raise self._backoff.failed(self._explain(str(error))) from None
        except MaxPayloadError:
            raise StoreUnavailable(self._explain("the message is larger than its max_payload")) from None

    async def _look(self, link: Link, answer: Msg) -> None:
        if has_status(answer, "503"):
            await self._leave(link)  # It has no stream any more, or no leader: look again what there is.
            raise self._backoff.failed(self._explain("no stream answers: is JetStream on, does it have a leader?"))

    async def ask_api(self, what: str, request: object = None, *, patience: float = 0.0) -> bytes:
        """Ask JetStream itself about the stream."""
        body = b"" if request is None else msgspec.json.encode(request)
        return (await self.ask(f"$JS.API.{what}", body, patience=patience)).data

    async def tell_api(self, what: str) -> None:
        """Tell JetStream something, where it does not matter whether it hears."""
        if self._link is not None:
            await self._link.tell(f"$JS.API.{what}", b"")

    def refused(self, failure: Failure) -> StoreUnavailable:
        """What to raise where JetStream answers that it cannot."""
        return StoreUnavailable(self._explain(str(Refused(failure))))

    async def close(self) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.close()

    # Connecting

    async def _connected(self) -> Link:
        if self._link is not None and not self._link.is_lost:
            return self._link
        return await asyncio.ensure_future(self._connect())  # A task, for its timeouts.

    async def _connect(self) -> Link:
        async with self._connecting:
            if self._link is not None and not self._link.is_lost:
                return self._link
            self._backoff.check()
            if self._link is not None:
                await self._leave(self._link)
            try:
                link = await self._open()
            except LinkLost as error:
                raise self._backoff.failed(self._explain(str(error))) from None
            try:
                await self._ensure_stream(link)
            except BaseException as error:
                await link.close()
                if isinstance(error, StoreUnusable):
                    raise
                if isinstance(error, LinkLost | Refused):
                    raise self._backoff.failed(self._explain(str(error))) from None
                raise
            self._backoff.worked()
            self._link = link
            self._renewed()
            return link

    async def _leave(self, link: Link) -> None:
        link.lose("it was left")
        await link.close()

    async def _open(self) -> Link:
        """Connect to one of the servers, whichever is there."""
        servers = list(self._endpoint.servers)
        random.shuffle(servers)
        while True:
            link = Link(self._endpoint, servers.pop(), self._timeout)
            try:
                await link.open()
            except BaseException as error:
                await link.close()
                if not servers or not isinstance(error, LinkLost):
                    raise
            else:
                return link

    def _explain(self, reason: str) -> str:
        return f"NATS at {self.place} cannot be used: {reason}. Look whether it runs, and at its log."

    # The stream

    async def _ensure_stream(self, link: Link) -> None:
        self._check_replicas(link, self._options.replicas)
        info = await self._ask_link(link, f"STREAM.INFO.{self.name}", b"")
        if info.error is not None and info.error.err_code == NO_STREAM:
            info = await self._ask_link(link, f"STREAM.CREATE.{self.name}", wanted(self._options))
            if info.error is not None and info.error.err_code == TAKEN[0]:  # Another server was faster.
                info = await self._ask_link(link, f"STREAM.INFO.{self.name}", b"")
        if info.error is not None:
            error = Refused(info.error)
            if info.error.err_code in (*TAKEN, *IMPOSSIBLE):
                raise StoreUnusable(
                    f"The stream {self.name} cannot be made in NATS at {self.place}: {error}. "
                    "Give the history another stream, or other replicas."
                )
            raise error
        if info.config is not None:
            check(self._options, info.config, self.place)
            self._check_replicas(link, info.config.num_replicas)

    def _check_replicas(self, link: Link, replicas: int) -> None:
        if replicas > 1 and link.version < SAFE_REPLICAS:
            raise StoreUnusable(
                f"The stream {self.name} in NATS at {self.place} is to have {replicas} replicas, which give one "
                "number to two events there when their leader dies: upgrade NATS to 2.11, or keep it at 1."
            )

    async def _ask_link(self, link: Link, what: str, request: bytes) -> _Info:
        answer = await link.ask(f"$JS.API.{what}", request)
        if has_status(answer, "503"):
            raise LinkLost("JetStream is not enabled there, or has no leader: start nats-server with -js")
        return msgspec.json.decode(answer.data, type=_Info)
