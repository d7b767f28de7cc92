"""The cluster as one server sees it: which others there are, who is on them, and how to reach them.

Each server tells all others who comes to it and who goes, and once a second that it lives. One that is not heard
of for the length of the lease is gone, and so is everybody on it. Who has missed something asks for the whole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from .broker import Broker
from .census import entry, everybody
from .cluster_messages import Alive, AnyMessage, Ask, Bye, Changes, Everybody, ToPlugin, decode, encode
from .config_server import ServerConfig
from .eager import DONE
from .peer import Peer
from .roster import ONLINE, Roster, Stay

if TYPE_CHECKING:
    from .connection_manager import ConnectionManager

logger = logging.getLogger(__name__)

HEARTBEAT = 1.0
"""Seconds between two signs of life."""

SILENCE = 1.5 * HEARTBEAT
"""Seconds without a word of its own coming back after which a server does not know whether others are silent."""

GATHER = 0.02
"""Seconds for which changes are gathered before they are told."""

MOST_ENTRIES = 1000
"""Changes in one message."""

Listener = Callable[[str, bytes], None]
"""Takes what a plugin on another server tells: the name of that server, and the payload."""


class Cluster:
    """The other servers, as far as they are known."""

    def __init__(self, manager: ConnectionManager, broker: Broker, config: ServerConfig, node: str) -> None:
        self.node = node
        self.roster = Roster()
        self.peers: dict[str, Peer] = {}
        self.is_cut_off = False
        """Whether the broker is away: then nobody is taken for gone, and nobody is known to be there."""
        self._manager = manager
        self._broker = broker
        self._lease = config.lease
        self._clock = 0
        self._heard_oneself_at = float("-inf")
        self._changed: dict[tuple[str, str], str] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self._is_leaving = False
        self._overlap: Counter[str] = Counter()
        self.started = time.time()
        """When this server was made, in seconds since 1970."""
        self._commands: Callable[[AnyMessage], None] = lambda _: None
        self._listeners: dict[str, Listener] = {}
        self._under_way: set[asyncio.Future[None]] = set()

    # Start and end

    def start(self, commands: Callable[[AnyMessage], None]) -> None:
        """Be heard of. ``commands`` takes what is not about who is where. Call once the broker is started."""
        self._commands = commands
        if self._broker.is_shared:
            self._beating = asyncio.get_running_loop().create_task(self._beat())
            self.send(None, Ask(self.node))

    async def stop(self) -> None:
        """Take leave of the others."""
        if self._beating is not None:
            self._beating.cancel()
            self._is_leaving = True
            if self._telling is not None:
                self._telling.cancel()
            self.send(None, Bye(self.node))
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=1.0)

    # What others may know

    def is_elsewhere(self, room: str, user: str) -> bool:
        """Whether the user is in the room on another server."""
        return user in self.roster.users(room)

    def online(self, room: str) -> int:
        """How many users are in a room, on all servers together."""
        here = self._manager.rooms.get(room)
        return (here.online if here is not None else 0) + len(self.roster.users(room)) - self._overlap[room]

    def count_overlap(self, room: str, user: str, change: int) -> None:
        """Note that a user who is elsewhere came to, or went from, a room on this server."""
        if self.is_elsewhere(room, user):
            self._overlap[room] += change
            if not self._overlap[room]:
                del self._overlap[room]

    def nodes_of(self, user: str) -> Iterable[str]:
        """The other servers on which the user is online."""
        return self.roster.users(ONLINE).get(user, ())

    def node_of_connection(self, id_: str) -> str | None:
        """The other server that has, or had, the connection with this id; None where it is none's."""
        return next((peer.node for peer in self.peers.values() if id_.startswith(peer.connection_prefix)), None)

    def is_confirmed(self, node: str) -> bool:
        """Whether a server was heard of lately, so that what it said still holds."""
        peer = self.peers.get(node)
        return peer is not None and not self.is_cut_off and self._now() - peer.heard_at < 2.5 * HEARTBEAT

    # What happens here

    def changed(self, room: str, user: str, reason: str = "left") -> None:
        """Tell the others how many connections the user has in the room now; ``reason`` is why there are none."""
        if not self._broker.is_shared or self._is_leaving:
            return
        self._changed[room, user] = reason
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(GATHER, self._tell_changes)

    def _tell_changes(self) -> None:
        self._telling = None
        places = list(self._changed.items())
        self._changed.clear()
        for start in range(0, len(places), MOST_ENTRIES):
            self._clock += 1
            some = places[start : start + MOST_ENTRIES]
            entries = [entry(self._manager, *place, reason) for place, reason in some]
            self.send(None, Changes(self.node, self._clock, entries))

    async def _beat(self) -> None:
        while True:
            connections, rooms = len(self._manager.connections), len(self._manager.rooms)
            self.send(None, Alive(self.node, self._clock, self.started, connections, rooms))
            next_at = self._now() + HEARTBEAT
            while (pause := next_at - self._now()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(pause, self._bury_the_dead()))

    def send(self, node: str | None, message: AnyMessage) -> None:
        """Tell a server, or all, without waiting: what is lost is asked for again."""
        waiting = asyncio.ensure_future(self._send(node, message))
        self._under_way.add(waiting)
        waiting.add_done_callback(self._under_way.discard)

    async def _send(self, node: str | None, message: AnyMessage) -> None:
        try:
            await self.tell(node, message)
        except Exception as error:
            logger.debug("the others could not be told: %s", error)

    async def tell(self, node: str | None, message: AnyMessage) -> None:
        """Tell a server, or all. Raise `Rejected` ``unavailable`` where the broker is away."""
        await (self._broker.tell(node, encode(message)) or DONE)

    def listen(self, plugin: str, listener: Listener) -> None:
        """Let ``listener`` have what is told with `tell_plugin` under the same name on other servers."""
        self._listeners[plugin] = listener

    def tell_plugin(self, plugin: str, payload: bytes, node: str | None = None) -> None:
        """Tell a plugin on another server, or on all others, without waiting and without being sure of it."""
        self.send(node, ToPlugin(self.node, plugin, payload))

    # What happens elsewhere

    def hear(self, payload: bytes) -> None:
        """Take what another server tells; what cannot be read is logged and left."""
        try:
            message = decode(payload)
        except msgspec.MsgspecError:
            logger.warning("a message of another server cannot be read; do all of them run the same release?")
            return
        if message.node == self.node:
            self._hear_oneself()
            return
        if isinstance(message, Bye):
            self._forget(message.node, "drained")
            return
        peer = self.peers.get(message.node)
        if peer is None:
            peer = self.peers[message.node] = Peer(message.node, self._now())
            logger.info("server %s is there", message.node)
        peer.heard_at = self._now()
        if isinstance(message, Ask):
            self._answer(message.node)
        elif isinstance(message, Everybody):
            self._replace(peer, message)
        elif isinstance(message, Changes):
            self._apply(peer, message)
        elif isinstance(message, Alive):
            peer.alive = message
            if message.clock > peer.clock:
                self._ask(peer)
        elif isinstance(message, ToPlugin):
            self._hear_plugin(message)
        else:
            self._commands(message)

    def _hear_plugin(self, message: ToPlugin) -> None:
        listener = self._listeners.get(message.plugin)
        try:
            if listener is not None:
                listener(message.node, message.payload)
        except Exception:
            logger.exception("the plugin %r failed in what it does with news of other servers", message.plugin)

    def _answer(self, node: str) -> None:
        self._tell_changes()
        self.send(node, Everybody(self.node, self._clock, list(everybody(self._manager))))

    def _ask(self, peer: Peer) -> None:
        now = self._now()
        if now - peer.asked_at >= HEARTBEAT / 2:
            peer.asked_at = now
            self.send(peer.node, Ask(self.node))

    def _apply(self, peer: Peer, changes: Changes) -> None:
        if peer.clock >= changes.clock:
            return
        if peer.clock != changes.clock - 1:
            self._ask(peer)
            return
        peer.clock = changes.clock
        for each in changes.entries:
            self._put(peer.node, *each)

    def _replace(self, peer: Peer, everybody: Everybody) -> None:
        if everybody.clock < peer.clock:
            return
        peer.clock = everybody.clock
        gone = set(self.roster.places(peer.node)) - {(room, user) for room, user, *_ in everybody.entries}
        for room, user in gone:
            self._put(peer.node, room, user, 0, 0.0, "left")
        for each in everybody.entries:
            self._put(peer.node, *each)

    def _put(self, node: str, room: str, user: str, connections: int, since: float, reason: str) -> None:
        """Note a change, and tell the plugins where it makes a user come to a room or go."""
        was_elsewhere = self.is_elsewhere(room, user)
        here = self._manager.rooms.get(room)
        is_here = here is not None and user in here.users
        if was_elsewhere and is_here:
            self.count_overlap(room, user, -1)
        self.roster.put(node, room, user, Stay(connections, since))
        is_elsewhere = self.is_elsewhere(room, user)
        if is_elsewhere and is_here:
            self.count_overlap(room, user, 1)
        elif room != ONLINE and was_elsewhere != is_elsewhere and not is_here:
            self._manager.presence_changed(room, user, None if is_elsewhere else reason)

    def _bury_the_dead(self) -> float:
        """Forget those whose lease is over; return after how many seconds there may be more of them."""
        soonest = HEARTBEAT
        if self.is_cut_off or self._now() - self._heard_oneself_at > SILENCE:
            return soonest
        for peer in list(self.peers.values()):
            left = peer.heard_at + self._lease - self._now()
            if left > 0:
                soonest = min(soonest, max(left, 0.01))
            else:
                logger.warning("server %s is lost: it was not heard of for %g seconds", peer.node, self._lease)
                self._forget(peer.node, "lost")
        return soonest

    def _forget(self, node: str, reason: str) -> None:
        if self.peers.pop(node, None) is not None:
            for room, user in list(self.roster.places(node)):
                self._put(node, room, user, 0, 0.0, reason)

    def cut_off(self) -> None:
        """The broker is away: nobody can be heard of."""
        self.is_cut_off = True

    def reconnected(self) -> None:
        """The broker is back: give everybody the time of one lease to be heard of again."""
        self.is_cut_off = False
        for peer in self.peers.values():
            peer.heard_at, peer.clock = self._now(), -1
        self.send(None, Ask(self.node))

    def _hear_oneself(self) -> None:
        """The broker works; where it, or this server, was held up before, nobody can be blamed for silence."""
        silent_since, self._heard_oneself_at = self._heard_oneself_at, self._now()
        if self._heard_oneself_at - silent_since > SILENCE:
            for peer in self.peers.values():
                peer.heard_at = self._heard_oneself_at

    def _now(self) -> float:
        return self._manager.now()
