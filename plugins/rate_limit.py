"""Rate limit: so many events of a user in so many seconds, as a sliding window that is exact at its border.

For each user and each limit the times of the accepted events are kept, as many as the limit allows. Users are
counted across their connections and rooms of one pattern, and remembered for one window after they have gone:
coming back does not start over.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from ..core import Connection, Event, Message, Plugin, PluginConfig, Private, Rejected, StateKey, hookimpl
from ..protocol import tag_of

REFUSALS = StateKey[deque[float]]("rate_limit.refusals")


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
        default=100_000, ge=1, description="windows that are remembered; the longest unused are forgotten first"
    )


class RateLimit(Plugin[RateLimitConfig]):
    """Refuses what goes over a limit, with the seconds to wait."""

    def __init__(self, config: RateLimitConfig, overrides: dict[str, RateLimitConfig] | None = None) -> None:
        super().__init__(config, overrides)
        self._windows: OrderedDict[tuple[str, str, str | None], deque[float]] = OrderedDict()
        self._tags: dict[type[Event], str] = {}
        self._longest = max(
            limit.seconds
            for each in (config, *self._overrides.values())
            for limit in (each, each.others, *each.types.values())
        )

    @hookimpl
    def check_event(self, connection: Connection, event: Event) -> None:
        """Count the event, or refuse it."""
        room = getattr(event, "room", None)
        config = self.config_for(room)
        tag = self._tags.get(type(event)) or self._tags.setdefault(type(event), tag_of(type(event)))
        limit: Limit | RateLimitConfig
        if tag in config.types:
            limit = config.types[tag]
        elif isinstance(event, Message | Private):
            limit, tag = config, "message"
        else:
            limit = config.others
        pattern = None if config is self.config else self.manager.pattern_of(room or "")
        now = self.manager.now()
        window = self._window((connection.user, tag, pattern), now)
        while window and window[0] + limit.seconds <= now:
            window.popleft()
        if len(window) >= limit.messages:
            self._refuse(connection, config, now, window[0] + limit.seconds - now, limit.seconds)
        window.append(now)

    def _window(self, key: tuple[str, str, str | None], now: float) -> deque[float]:
        """The times of the accepted events; reading one keeps it from being forgotten."""
        windows = self._windows
        window = windows.get(key)
        if window is not None:
            windows.move_to_end(key)
            return window
        while windows:  # Those longest unused come first.
            oldest = next(iter(windows.values()))
            if len(windows) < self.config.max_windows and oldest and oldest[-1] + self._longest > now:
                break
            windows.popitem(last=False)
        window = windows[key] = deque()
        return window

    def _refuse(
        self, connection: Connection, config: RateLimitConfig, now: float, wait: float, seconds: float
    ) -> None:
        close = None
        if config.close_after is not None:
            if REFUSALS not in connection.state:
                connection.state[REFUSALS] = deque(maxlen=config.close_after)
            refusals = connection.state[REFUSALS]
            refusals.append(now)
            if len(refusals) == config.close_after and now - refusals[0] < seconds:
                close = 4008
        raise Rejected(
            "rate_limited",
            "Rate limit exceeded. Slow down.",
            retry_after=ceil(wait * 1000) / 1000,
            close=close,
        )
