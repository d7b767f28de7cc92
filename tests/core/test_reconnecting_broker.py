"""A broker that connects again and again: what it tells its server; no end of a connection is the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest
from hubbub.core import DONE, BrokerSession, LinkLost, Message, Publication, ReconnectingBroker, Rejected
from hubbub.protocol import Event


class Names:
    nodes = "nodes"

    def node(self, node: str) -> str:
        return f"node {node}"

    def room(self, room: str) -> str:
        return f"room {room}"


class Cable(BrokerSession[str]):
    """A connection to nobody but itself."""

    place = "cable:1"

    def __init__(self, broker: CableBroker) -> None:
        self.broker = broker
        self.channels: set[str] = set()
        self.confirming = asyncio.Event()
        self.confirming.set()
        self.cut = asyncio.get_running_loop().create_future()
        self.is_closed = False

    async def open(self) -> None:
        pass

    def run(self, group: asyncio.TaskGroup) -> None:
        group.create_task(self._wait())

    async def _wait(self) -> None:
        await self.cut

    async def publish(self, channel: str, payload: bytes, /) -> None:
        if channel == "room closed":
            raise self.broker.refused("nobody may publish to closed")
        if channel in self.channels:
            self.broker.arrived(channel, payload)

    def subscribe(self, channels: Iterable[str], /) -> None:
        self.channels.update(channels)

    def unsubscribe(self, channel: str, /) -> None:
        self.channels.discard(channel)

    async def subscribed(self, channel: str, /) -> None:
        if not self.confirming.is_set():
            self.broker.unconfirmed.put_nowait(self)
        await self.confirming.wait()

    async def close(self) -> None:
        self.is_closed = True


class Dead(Cable):
    """Connects to nobody."""

    async def open(self) -> None:
        raise LinkLost("nobody answers")


class DeadToo(Dead):
    place = "cable:2"


class Unconfirmed(Cable):
    """Needs to be told when to confirm its subscriptions."""

    def __init__(self, broker: CableBroker) -> None:
        super().__init__(broker)
        self.confirming.clear()


class Cancelled(Cable):
    async def open(self) -> None:
        raise asyncio.CancelledError


class Short(Cable):
    """Has nothing to do."""

    def run(self, group: asyncio.TaskGroup) -> None:
        pass


class Broken(Cable):
    async def open(self) -> None:
        raise KeyError("what is this?")


class BrokenAtTheEnd(Dead):
    async def close(self) -> None:
        raise KeyError("what is this?")


class BrokenAtTheBeginning(Cable):
    def __init__(self, broker: CableBroker) -> None:
        raise KeyError("what is this?")


Kind = Callable[["CableBroker"], Cable]


class CableBroker(ReconnectingBroker[str]):
    """Its attempts have the sessions that it is given; all later ones work."""

    def __init__(self, *attempts: Iterable[Kind]) -> None:
        super().__init__("Cable", Names(), timeout=1, max_reconnect_seconds=0.001)
        self._attempts = iter(attempts)
        self.made: list[Cable] = []
        self.unconfirmed: asyncio.Queue[Cable] = asyncio.Queue()

    def sessions(self) -> Iterator[Cable]:
        for kind in next(self._attempts, (Cable,)):
            self.made.append(kind(self))
            yield self.made[-1]


class Server:
    """Notes what its broker tells it."""

    types: Mapping[str, type[Event]] = {"message": Message}

    def __init__(self) -> None:
        self.said: asyncio.Queue[str] = asyncio.Queue()

    def deliver(self, room: str, publication: Publication) -> None:
        event = publication.event
        assert isinstance(event, Message)
        self.said.put_nowait(f"{room}: {event.content}")

    def hear(self, payload: bytes) -> None:
        self.said.put_nowait(payload.decode())

    def broker_lost(self, reason: str) -> None:
        self.said.put_nowait(f"lost: {reason}")

    def broker_found(self) -> None:
        self.said.put_nowait("found")


@asynccontextmanager
async def started(broker: CableBroker) -> AsyncGenerator[Server]:
    server = Server()
    async with asyncio.timeout(20):
        try:
            await broker.start(server, "here")
            yield server
        finally:
            await broker.stop()
    assert all(session.is_closed for session in broker.made if not isinstance(session, BrokenAtTheEnd))


async def say(broker: CableBroker, content: str, room: str = "lobby") -> None:
    await (broker.publish(room, Publication.of(Message(content=content, room=room))) or DONE)


def test_it_carries_to_rooms_and_servers_as_long_as_they_are_subscribed() -> None:
    async def play() -> None:
        broker = CableBroker()
        async with started(broker) as server:
            broker.subscribe("lobby")
            await broker.subscribed("lobby")
            await say(broker, "hello")
            for node in (None, "here", "elsewhere"):
                await broker.tell(node, str(node).encode())
            broker.unsubscribe("lobby")
            await say(broker, "is anybody there?")
            broker.arrived("room lobby", b"late")
            said = [server.said.get_nowait() for _ in range(server.said.qsize())]
            assert said == ["lobby: hello", "None", "here"]

    asyncio.run(play())


def test_while_it_is_away_publishing_is_refused_and_what_is_wanted_meanwhile_is_subscribed_later() -> None:
    async def play() -> None:
        broker = CableBroker([Cable], [Unconfirmed])
        async with started(broker) as server:
            broker.made[0].cut.set_exception(LinkLost("the cable was cut"))
            assert await server.said.get() == "lost: Cable at cable:1: the cable was cut"
            broker.subscribe("lobby")
            for refused in (broker.check, lambda: broker.send("lobby", b""), lambda: broker.tell(None, b"")):
                with pytest.raises(Rejected, match="The broker is away; nothing was published"):
                    refused()
            session = await broker.unconfirmed.get()
            assert "room lobby" in session.channels
            with pytest.raises(Rejected, match="The broker is away"):
                broker.check()
            assert server.said.empty()
            session.confirming.set()
            assert await server.said.get() == "found"
            broker.check()

    asyncio.run(play())


def test_a_server_starts_without_it_and_hears_of_each_new_reason_once(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with started(CableBroker([Dead], [Dead], [Dead, DeadToo], [DeadToo, Dead])) as server:
            assert await server.said.get() == "lost: Cable at cable:1: nobody answers"
            assert await server.said.get() == "found"

    asyncio.run(play())
    assert caplog.messages == ["still no connection to Cable at cable:1: nobody answers; cable:2: nobody answers"]
    assert [record.name for record in caplog.records] == [__name__]


def test_of_several_servers_the_first_one_is_used_that_answers() -> None:
    async def play() -> None:
        broker = CableBroker([Dead, Cable, DeadToo])
        async with started(broker) as server:
            assert [type(session) for session in broker.made] == [Dead, Cable]
            assert server.said.empty()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Cancelled, " at cable:1: the attempt was cancelled"),
        (Broken, " at cable:1: a mistake in its plugin, see above"),
        (BrokenAtTheEnd, " at cable:1: a mistake in its plugin, see above"),
        (BrokenAtTheBeginning, ": a mistake in its plugin, see above"),
    ],
)
def test_a_session_that_goes_wrong_is_followed_by_the_next(
    kind: Kind, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        async with started(CableBroker([kind])) as server:
            assert await server.said.get() == f"lost: Cable{reason}"
            assert await server.said.get() == "found"

    asyncio.run(play())
    assert ("what is this?" in caplog.text) is ("mistake" in reason)


def test_a_session_that_has_nothing_to_do_has_ended() -> None:
    async def play() -> None:
        async with started(CableBroker([Short])) as server:
            assert await server.said.get() == "lost: Cable at cable:1: the connection ended"
            assert await server.said.get() == "found"

    asyncio.run(play())


def test_the_reason_is_found_however_deep_it_happened() -> None:
    async def play() -> None:
        broker = CableBroker()
        async with started(broker) as server:
            inner = ExceptionGroup("inner", [LinkLost("the cable was cut")])
            broker.made[0].cut.set_exception(ExceptionGroup("outer", [inner]))
            assert await server.said.get() == "lost: Cable at cable:1: the cable was cut"

    asyncio.run(play())


def test_what_is_refused_is_logged_once_until_it_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        broker = CableBroker()
        async with started(broker) as server:
            for _ in range(2):
                with pytest.raises(Rejected, match="The broker refused it; the server's log says why"):
                    await say(broker, "hello?", "closed")
            broker.made[0].cut.set_exception(LinkLost("the cable was cut"))
            assert [(await server.said.get()).split(":")[0] for _ in range(2)] == ["lost", "found"]
            with pytest.raises(Rejected):
                await say(broker, "hello?", "closed")

    asyncio.run(play())
    assert caplog.messages == ["nobody may publish to closed"] * 2


def test_a_broker_that_is_stopped_while_it_connects_ends_its_attempt() -> None:
    async def play() -> None:
        broker = CableBroker([Unconfirmed])
        waiting = asyncio.ensure_future(broker.start(Server(), "here"))
        session = await broker.unconfirmed.get()
        await broker.stop()
        assert session.is_closed
        waiting.cancel()

    asyncio.run(play())
