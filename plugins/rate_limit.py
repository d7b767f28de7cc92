"""Rate limit: so many events of a user in so many seconds, as a sliding window that is exact at its border.

A window holds, for one user and one limit, the times at which the accepted events cease to count: as many as the
limit allows. Users are counted across their connections and the rooms of one pattern, and remembered after they
have gone: coming back does not start over.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import cached_property
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from ..core import Connection, Event, Message, Plugin, PluginConfig, Private, Rejected, StateKey, hookimpl
from ..protocol import tag_of

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

    @cached_property
    def quotas(self) -> Quotas:
        """What is counted by this config, apart from what is counted by that of another room pattern."""
        return Quotas(self)

    @property
    def longest(self) -> float:
        """Seconds after which no window of this config matters."""
        return max(self.seconds, self.others.seconds, *(limit.seconds for limit in self.types.values()))


class Quota:
    """What is counted together: identity, not value, keeps it apart from others."""

    __slots__ = ("close_after", "messages", "seconds")

    def __init__(self, messages: int, seconds: float, close_after: int | None) -> None:
        self.messages = messages
        self.seconds = seconds
        self.close_after = close_after


class Quotas(dict[type[Event], Quota]):
    """The quota of each event type, made when the first such event comes."""

    def __init__(self, config: RateLimitConfig) -> None:
        super().__init__()
        self._config = config
        self._messages = Quota(config.messages, config.seconds, config.close_after)

    def __missing__(self, event: type[Event]) -> Quota:
        config = self._config
        limit = config.types.get(tag_of(event))
        if limit is None and issubclass(event, Message | Private):
            quota = self._messages
        else:
            limit = limit or config.others
            quota = Quota(limit.messages, limit.seconds, config.close_after)
        self[event] = quota
        return quota


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

    @hookimpl
    def check_event(self, connection: Connection, event: Event) -> None:
        """Count the event, or refuse it; code of the deployer's own is not counted."""
        if connection.identity.kind == "service":
            return
        quota = self.config_for(getattr(event, "room", None)).quotas[type(event)]
        now = self.manager.now()
        key = (connection.user, quota)
        ends = self._young.get(key)
        if ends is None:
            ends = self._recall(key, now)
        # Forgetting half of them at a time keeps the cost of it from growing with the limit.
        if ends and ends[0] <= now and (len(ends) >= quota.messages or ends[len(ends) // 2] <= now):
            del ends[: bisect_right(ends, now)]
        if len(ends) >= quota.messages:
            self._refuse(connection, quota, ends[0], now)
        ends.append(now + quota.seconds)

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
