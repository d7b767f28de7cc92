"""Rate limit: so many events of a user in so many seconds, as a sliding window that is exact at its border.

A window holds, for one user and one limit, the times at which the accepted events cease to count: as many as the
limit allows. Users are counted across their connections and the rooms of one pattern, and remembered after they
have gone: coming back does not start over.

Servers tell each other ten times a second what they have accepted, so that a user has one limit on all of them. It
is exceeded at most by what other servers have accepted since they last told: in 100 ms and the time that the
broker takes.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from bisect import bisect_right
from collections import Counter
from functools import cached_property
from math import ceil
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from ..core import Connection, Event, Message, Plugin, PluginConfig, Private, Rejected, StateKey, hookimpl
from ..protocol import tag_of

logger = logging.getLogger(__name__)

NAME = "rate_limit"

GATHER = 0.1
"""Seconds for which what was accepted is gathered before the other servers are told."""

MOST_COUNTS = 1000
"""Counts in one message to the other servers."""

REFUSALS = StateKey[tuple[int, float]]("rate_limit.refusals")
"""How many there were, and since when they are counted."""


class Limit(BaseModel):
    """So many events in so many seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    messages: int = Field(ge=1, description="events that are accepted in each window")
    seconds: float = Field(default=60.0, gt=0, description="length of the window")


class RateLimitConfig(PluginConfig):
    """The options of `rate_limit`."""

    messages: int = Field(
        default=10, ge=1, description="messages, to rooms and private ones together, that are accepted in a window"
    )
    seconds: float = Field(default=60.0, gt=0, description="length of the window")
    types: dict[str, Limit] = Field(
        default_factory=dict[str, Limit], description="limits of their own for event types by name"
    )
    others: Limit = Field(
        default=Limit(messages=300, seconds=60.0), description="the limit of each event type not named above"
    )
    close_after: int | None = Field(
        default=100, ge=1, description="refusals in one window after which a connection is closed; null: never"
    )
    max_windows: int = Field(
        default=100_000, ge=2, description="windows that are remembered; the longest unused are forgotten first"
    )

    when_alone: Literal["count", "refuse"] = Field(
        default="count",
        description="what becomes of events while the broker to the other servers is away: count those of this "
        "server alone, or refuse all with unavailable",
    )

    @cached_property
    def quotas(self) -> Quotas:
        """What is counted by this config, apart from what is counted by that of another room pattern."""
        return Quotas(self)

    @property
    def longest(self) -> float:
        """Seconds after which no window of this config matters."""
        return max(self.seconds, self.others.seconds, *(limit.seconds for limit in self.types.values()))


MESSAGES = ""
"""Stands for messages to rooms and private ones, which are counted together."""

Count = tuple[str, int, str, int]
"""A user, the number of a config, the name of a quota in it, and how many events were accepted."""


class Quota:
    """What is counted together: identity, not value, keeps it apart from others."""

    __slots__ = ("close_after", "messages", "name", "seconds")

    def __init__(self, name: str, messages: int, seconds: float, close_after: int | None) -> None:
        self.name = name
        self.messages = messages
        self.seconds = seconds
        self.close_after = close_after


class Quotas:
    """The quota of each event type, made when the first such event comes."""

    __slots__ = ("_by_type", "_config", "_named")

    def __init__(self, config: RateLimitConfig) -> None:
        self._config = config
        self._by_type: dict[type[Event], Quota] = {}
        self._named: dict[str, Quota] = {}

    def of(self, event: type[Event]) -> Quota:
        """The quota of an event type."""
        quota = self._by_type.get(event)
        if quota is None:
            tag = tag_of(event)
            are_together = tag not in self._config.types and issubclass(event, Message | Private)
            quota = self._by_type[event] = self.named(MESSAGES if are_together else tag)
        return quota

    def named(self, name: str) -> Quota:
        """The quota of an event type by its tag, or that of `MESSAGES`: the same on every server."""
        if name not in self._named:
            config = self._config
            limit: Limit | RateLimitConfig = config.types.get(name, config.others)
            if name == MESSAGES:
                limit = config
            self._named[name] = Quota(name, limit.messages, limit.seconds, config.close_after)
        return self._named[name]


class RateLimit(Plugin[RateLimitConfig]):
    """Refuses what goes over a limit, with the seconds to wait."""

    @hookimpl
    def startup(self) -> None:
        """Nobody has sent anything yet.

        Windows live in two generations. What is used moves to the young one; each time the old one has gone unused
        for as long as the longest window, or the young one is full, the old one is forgotten at once.
        """
        self._young: dict[tuple[str, Quota], array[float]] = {}
        self._old: dict[tuple[str, Quota], array[float]] = {}
        self._turned_at = self.manager.now()
        self._longest = max(config.longest for config in self.configs)
        self._numbers = {id(config): number for number, config in enumerate(self.configs)}
        self._accepted: Counter[tuple[str, int, str]] = Counter()
        self._telling: asyncio.TimerHandle | None = None
        self.manager.cluster.listen(NAME, self._hear)

    @hookimpl
    def shutdown(self) -> None:
        """Tell the others what they do not know yet."""
        if self._telling is not None:
            self._telling.cancel()
            self._tell()

    @hookimpl
    def check_event(self, connection: Connection, event: Event) -> None:
        """Count the event, or refuse it; code of the deployer's own is not counted."""
        if connection.identity.kind == "service":
            return
        manager = self.manager
        config = self.config_for(getattr(event, "room", None))
        if manager.cluster.is_cut_off and config.when_alone == "refuse":
            raise Rejected("unavailable", "Servers cannot count together now; try again later.")
        quota = config.quotas.of(type(event))
        now = manager.now()
        ends = self._window(connection.user, quota, now)
        # Forgetting half of them at a time keeps the cost of it from growing with the limit.
        if ends and ends[0] <= now and (len(ends) >= quota.messages or ends[len(ends) // 2] <= now):
            del ends[: bisect_right(ends, now)]
        if len(ends) >= quota.messages:
            self._refuse(connection, quota, ends[0], now)
        ends.append(now + quota.seconds)
        if manager.cluster.peers:
            self._accepted[connection.user, self._numbers[id(config)], quota.name] += 1
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(GATHER, self._tell)

    def _tell(self) -> None:
        """Tell the other servers what was accepted here since they were last told."""
        self._telling = None
        counts: list[Count] = [(*key, count) for key, count in self._accepted.items()]
        self._accepted.clear()
        for start in range(0, len(counts), MOST_COUNTS):
            payload = msgspec.msgpack.encode(counts[start : start + MOST_COUNTS])
            self.manager.cluster.tell_plugin(NAME, payload)

    def _hear(self, node: str, payload: bytes) -> None:
        """Count what another server has accepted, as of now."""
        now = self.manager.now()
        for user, number, name, count in msgspec.msgpack.decode(payload, type=list[Count]):
            if not 0 <= number < len(self.configs):
                logger.warning("server %s has other rate limits than this one: its config is another", node)
                return
            quota = self.configs[number].quotas.named(name)
            ends = self._window(user, quota, now)
            ends.extend([now + quota.seconds] * min(count, quota.messages))
            del ends[: -quota.messages]

    def _window(self, user: str, quota: Quota, now: float) -> array[float]:
        key = (user, quota)
        ends = self._young.get(key)
        return self._recall(key, now) if ends is None else ends

    def _recall(self, key: tuple[str, Quota], now: float) -> array[float]:
        """The window of a user who has not sent for a while, or a new one."""
        ends = self._old.pop(key, None) or array("d")
        if now - self._turned_at >= self._longest or len(self._young) >= self.config.max_windows // 2:
            self._old, self._young = self._young, {}
            self._turned_at = now
        self._young[key] = ends
        return ends

    def _refuse(self, connection: Connection, quota: Quota, until: float, now: float) -> None:
        wait = ceil((until - now) * 1000) / 1000
        if now + wait < until:  # The last digit of a sum may be lost.
            wait += 0.001
        count, since = connection.state.get(REFUSALS, (0, now))
        count, since = (count + 1, since) if now - since < quota.seconds else (1, now)
        connection.state[REFUSALS] = (count, since)
        raise Rejected(
            "rate_limited",
            "Rate limit exceeded. Slow down.",
            retry_after=wait,
            close=4008 if quota.close_after is not None and count >= quota.close_after else None,
        )
