"""What brokers have in common that connect to a server of their own: they do so again and again."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Generic

from ..protocol import Rejected
from .away import LinkLost, unavailable
from .backoff import Backoff
from .broker import Receiver
from .broker_session import BrokerSession, ChannelNames, Name
from .remote_broker import RemoteBroker

AWAY = "The broker is away; nothing was published."
MOST_REFUSALS = 1000


class ReconnectingBroker(RemoteBroker, Generic[Name]):
    """Connects, and connects again, and knows what is to be subscribed; a subclass says by which `sessions`."""

    def __init__(
        self, kind: str, channels: ChannelNames[Name], *, timeout: float, max_reconnect_seconds: float
    ) -> None:
        """``kind`` is what the log calls it, as ``NATS``.

        ``timeout`` is how many seconds an answer may take, ``max_reconnect_seconds`` the longest pause between two
        attempts; what has lasted longer than both together begins with short pauses again.
        """
        self._kind = kind
        self._channels = channels
        self._timeout = timeout
        self._longest_pause = max_reconnect_seconds
        self._logger = logging.getLogger(type(self).__module__)
        self._rooms: dict[str, Name] = {}
        self._names: dict[Name, str] = {}
        self._of_servers: tuple[Name, ...] = ()
        self._session: BrokerSession[Name] | None = None
        self._is_away = True
        self._task: asyncio.Task[None] | None = None
        self._refusals: set[str] = set()

    @abstractmethod
    def sessions(self) -> Iterable[BrokerSession[Name]]:
        """New sessions, one for each server that may be tried, in order: the next if one cannot connect."""

    # Start and end

    def start(self, receiver: Receiver, node: str) -> Awaitable[None]:
        """Connect; where that fails, tell so, and go on trying."""
        super().start(receiver, node)
        self._of_servers = (self._channels.nodes, self._channels.node(node))
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
        backoff, told = Backoff(self._longest_pause), ""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await self._any_connected()
            if not self._is_away or not self._tried.done():
                self._is_away, told = True, reason
                self.receiver.broker_lost(reason)
                if not self._tried.done():
                    self._tried.set_result(None)
            elif reason != told:
                told = reason
                self._logger.warning("still no connection to %s", reason)
            if loop.time() - began > self._timeout + self._longest_pause:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _any_connected(self) -> str:
        """Connect by the first session that can; return why that is over, or why there was none."""
        reasons: list[str] = []
        try:
            for session in self.sessions():
                reason = f"{session.place}: {await self._attempt(session)}"
                if not self._is_away:
                    return f"{self._kind} at {reason}"
                reasons.append(reason)
        except Exception:
            return f"{self._kind}: {self._mistake()}"
        return f"{self._kind} at {'; '.join(sorted(reasons))}"

    async def _attempt(self, session: BrokerSession[Name]) -> str:
        """Connect, in a task of its own, and stay so as long as it lasts; return why it does not.

        Python before 3.11.3 leaves a task half cancelled behind an `asyncio.TaskGroup` that fails; then the next
        `asyncio.timeout` in it would end it, and with it every further attempt.
        """
        task = asyncio.get_running_loop().create_task(self._connected(session))
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise
        return "the attempt was cancelled" if task.cancelled() else task.result()

    async def _connected(self, session: BrokerSession[Name]) -> str:
        reasons: list[str] = []
        try:
            try:
                await session.open()
                async with asyncio.TaskGroup() as group:
                    session.run(group)
                    await self._subscribe_all(session)
            finally:
                self._session = None
                await session.close()
        except* LinkLost as lost:
            reasons.append(_reason(lost))
        except* Exception:
            reasons.append(self._mistake())
        return reasons[0] if reasons else "the connection ended"

    async def _subscribe_all(self, session: BrokerSession[Name]) -> None:
        wanted = (*self._of_servers, *self._rooms.values())
        session.subscribe(wanted)
        self._session = session
        for channel in wanted:
            await session.subscribed(channel)
        self._found()

    def _found(self) -> None:
        self._is_away = False
        self._refusals.clear()
        if self._tried.done():
            self.receiver.broker_found()
        else:
            self._tried.set_result(None)

    def _mistake(self) -> str:
        self._logger.exception("the connection to %s broke by a mistake in its plugin", self._kind)
        return "a mistake in its plugin, see above"

    # What goes out

    def send(self, room: str, payload: bytes) -> asyncio.Future[None] | Coroutine[Any, Any, None]:
        """Publish to a room's channel; see `RemoteBroker.send`."""
        return self._connection().publish(self._channel(room), payload)

    def tell(self, node: str | None, payload: bytes) -> Awaitable[None]:
        """Publish to the channel of a server, or of all; see `Broker.tell`."""
        channel = self._channels.nodes if node is None else self._channels.node(node)
        return self._connection().publish(channel, payload)

    def check(self) -> None:
        """Refuse while there is no connection; see `Broker.check`."""
        self._connection()

    def refused(self, reason: str | None) -> Rejected:
        """The refusal of what the broker does not take.

        The log gets each reason once until the broker is found again; None where it hears of it anyway.
        """
        if reason is not None and reason not in self._refusals:
            if len(self._refusals) < MOST_REFUSALS:
                self._refusals.add(reason)
            self._logger.error("%s", reason)
        return unavailable("The broker refused it; the server's log says why. Nothing was published.")

    def _connection(self) -> BrokerSession[Name]:
        if self._is_away or self._session is None:
            raise unavailable(AWAY)
        return self._session

    def _channel(self, room: str) -> Name:
        return self._rooms.get(room) or self._channels.room(room)

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
        """Wait until the broker has it; where it is away, `Receiver.broker_found` tells that later."""
        if self._session is not None and room in self._rooms:
            await self._session.subscribed(self._rooms[room])

    def arrived(self, channel: Name, payload: bytes) -> None:
        """Take what came through a channel: called by the session."""
        room = self._names.get(channel)
        if room is not None:
            # Until everything is subscribed nothing comes: the gap about what was missed has to come first.
            if not self._is_away:
                self.received(room, payload)
        elif channel in self._of_servers:
            self.receiver.hear(payload)


def _reason(lost: BaseExceptionGroup[LinkLost]) -> str:
    first = lost.exceptions[0]
    return _reason(first) if isinstance(first, BaseExceptionGroup) else str(first)
