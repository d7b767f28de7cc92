"""What comes from one Redis: which channels are subscribed, and what is published to them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from redis.exceptions import ResponseError

from ...core import LinkLost
from .link import Link, command, explain
from .outbox import PATIENCE, PING

logger = logging.getLogger(__name__)

CHANNELS_AT_ONCE = 500
"""In one command."""

MESSAGES = (b"message", b"smessage")
CONFIRMATIONS = (b"subscribe", b"ssubscribe")


class Subscriber:
    """The subscriptions at one Redis."""

    def __init__(self, link: Link, arrived: Callable[[bytes, bytes], None], *, is_sharded: bool) -> None:
        """``arrived`` takes what comes, with its channel."""
        self._link = link
        self._arrived = arrived
        self._shard = b"S" if is_sharded else b""
        self._at_once = 1 if is_sharded else CHANNELS_AT_ONCE  # Those of one command must be in one slot.
        self._wanted: set[bytes] = set()
        self._changes: dict[bytes, bool] = {}
        self._unanswered: Counter[bytes] = Counter()
        self._waiters: dict[bytes, asyncio.Future[None]] = {}
        self._wake = asyncio.Event()
        self._silent_for = 0

    def subscribe(self, channels: Iterable[bytes]) -> None:
        """Subscribe soon, together with whatever else is wanted in this moment."""
        for channel in channels:
            self._wanted.add(channel)
            self._changes[channel] = True
        self._wake.set()

    def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe soon."""
        self._wanted.discard(channel)
        self._changes[channel] = False
        self._wake.set()

    async def subscribed(self, channel: bytes) -> None:
        """Wait until Redis has confirmed a subscription, or the link is lost."""
        if channel in self._changes or channel in self._unanswered:
            if channel not in self._waiters:
                self._waiters[channel] = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiters[channel])

    async def send(self) -> None:
        """Tell Redis what is wanted, until the link breaks: raise `LinkLost`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changes, self._changes = self._changes, {}
            self._unanswered.update(changes.keys())
            commands: list[bytes] = []
            for verb, is_wanted in ((b"UNSUBSCRIBE", False), (b"SUBSCRIBE", True)):
                channels = [channel for channel, wanted in changes.items() if wanted is is_wanted]
                commands += [
                    command(self._shard + verb, *channels[start : start + self._at_once])
                    for start in range(0, len(channels), self._at_once)
                ]
            await self._link.write(commands)

    async def receive(self) -> None:
        """Take what comes, until the link breaks: raise `LinkLost`."""
        read, arrived = self._link.read, self._arrived
        while True:
            reply = await read()
            self._silent_for = 0
            if isinstance(reply, ResponseError):
                raise LinkLost(f"Redis refuses the subscription: {explain(reply)}")
            if not isinstance(reply, list) or len(reply) != 3:
                continue  # The answer to a ping.
            kind, channel, payload = reply  # Not by match: its patterns take ten times as long.
            if not isinstance(channel, bytes):
                continue
            if kind in MESSAGES and isinstance(payload, bytes):
                try:
                    arrived(channel, payload)
                except Exception:
                    logger.exception("what came through the channel %r was lost", channel)
            else:
                self._confirmed(channel, is_wanted=kind in CONFIRMATIONS)

    def _confirmed(self, channel: bytes, *, is_wanted: bool) -> None:
        if channel not in self._unanswered:
            if not is_wanted and channel in self._wanted:
                raise LinkLost("the slots of the cluster have moved")
            return
        self._unanswered[channel] -= 1
        if self._unanswered[channel]:
            return
        del self._unanswered[channel]
        if channel not in self._changes and (waiter := self._waiters.pop(channel, None)) is not None:
            waiter.set_result(None)

    async def tick(self) -> None:
        """Look whether Redis still answers. Raise `LinkLost` where it does not."""
        self._silent_for += 1
        if self._silent_for > PATIENCE:
            raise LinkLost("Redis does not answer")
        if self._silent_for == 1:
            await self._link.write([PING])

    def close(self) -> None:
        """Let nobody wait any more."""
        for waiter in self._waiters.values():
            waiter.set_result(None)
        self._waiters.clear()
