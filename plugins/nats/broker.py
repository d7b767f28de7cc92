"""The broker on NATS: connects, and connects again, and knows what is to be subscribed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable
from urllib.parse import urlsplit

from ...core import Backoff, LinkLost, Receiver, RemoteBroker, unavailable
from .config import NatsConfig
from .session import Session
from .subjects import Subjects

logger = logging.getLogger(__name__)

AWAY = "The broker is away; nothing was published."


class NatsBroker(RemoteBroker):
    """Carries publications by core NATS, with a subject for each room and each server.

    NATS keeps nothing of it: what is published while a server is not connected does not reach it.
    """

    def __init__(self, config: NatsConfig) -> None:
        self._config = config
        self._subjects = Subjects(config.prefix)
        self._servers = random.sample(config.servers, len(config.servers))
        self._rooms: dict[str, str] = {}
        self._names: dict[str, str] = {}
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
            reason = await self._any_connected()
            if not self._is_away or not self._tried.done():
                self._is_away, is_told = True, reason
                self.receiver.broker_lost(f"NATS at {reason}")
                if not self._tried.done():
                    self._tried.set_result(None)
            elif reason != is_told:
                is_told = reason
                logger.warning("still no connection to NATS at %s", reason)
            if loop.time() - began > self._config.timeout + self._config.max_reconnect_seconds:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _any_connected(self) -> str:
        """Connect to the first server that can be reached; return why that is over, or why there was none."""
        reasons: list[str] = []
        for server in tuple(self._servers):
            was_away = self._is_away
            self._servers.append(self._servers.pop(0))  # Next time it is another's turn.
            reason = f"{urlsplit(server).netloc}: {await self.attempt(self._connected(server))}"
            if was_away and not self._is_away:
                return reason
            reasons.append(reason)
        return "; ".join(sorted(reasons))

    async def _connected(self, server: str) -> str:
        """Connect, and stay so as long as it lasts; return why it does not."""
        session = Session(self._config, server, f"hubbub {self.node}", self._subjects, self._arrived)
        reasons: list[str] = []
        try:
            await session.open()
            async with asyncio.TaskGroup() as group:
                session.run(group)
                session.subscribe((self._subjects.nodes, self._subjects.node(self.node), *self._rooms.values()))
                self._session = session
                await session.all_subscribed()
                self._found()
        except* LinkLost as lost:
            reasons.extend(_reasons(lost))
        except* Exception:
            logger.exception("the connection to NATS broke by a mistake of Hubbub's own")
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

    async def send(self, room: str, payload: bytes) -> None:
        """Publish to a room's subject; see `RemoteBroker.send`."""
        await self._publish(self._rooms.get(room) or self._subjects.room(room), payload)

    async def tell(self, node: str | None, payload: bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Publish to the subject of a server, or of all; see `Broker.tell`."""
        await self._publish(self._subjects.nodes if node is None else self._subjects.node(node), payload)

    def check(self) -> None:
        """Refuse while there is no connection; see `Broker.check`."""
        if self._is_away or self._session is None:
            raise unavailable(AWAY)

    async def _publish(self, subject: str, payload: bytes) -> None:
        self.check()
        assert self._session is not None
        if not await self._session.publish(subject, payload):
            if subject not in self._refusals:
                if len(self._refusals) < 1000:
                    self._refusals.add(subject)
                logger.error("NATS does not allow publishing to %s; allow %s", subject, self._subjects.all)
            raise unavailable("The broker refused it; the server's log says why. Nothing was published.")

    # What comes in

    def subscribe(self, room: str) -> None:
        """Subscribe to a room's subject; see `Broker.subscribe`."""
        if room not in self._rooms:
            subject = self._rooms[room] = self._subjects.room(room)
            self._names[subject] = room
            if self._session is not None:
                self._session.subscribe((subject,))

    def unsubscribe(self, room: str) -> None:
        """Unsubscribe from it; see `Broker.unsubscribe`."""
        subject = self._rooms.pop(room, None)
        if subject is not None:
            del self._names[subject]
            if self._session is not None:
                self._session.unsubscribe(subject)

    async def subscribed(self, room: str) -> None:
        """Wait until NATS has it; where it is away, `Receiver.broker_found` tells that later."""
        if self._session is not None and room in self._rooms:
            await self._session.subscribed(self._rooms[room])

    def _arrived(self, subject: str, payload: bytes) -> None:
        room = self._names.get(subject)
        if room is not None:
            # Until everything is subscribed nothing comes: the gap about what was missed has to come first.
            if not self._is_away:
                self.received(room, payload)
        elif not self._subjects.is_room(subject):
            self.receiver.hear(payload)


def _reasons(group: BaseExceptionGroup[LinkLost]) -> list[str]:
    return [str(each) for each in group.exceptions]
