"""Slow mode: one message for each connection in so many seconds."""

import math

from hubbub.core import Connection, Message, Plugin, PluginConfig, Rejected, StateKey, hookimpl


class SlowModeConfig(PluginConfig):
    seconds: float = 5.0


LAST_SENT = StateKey[float]("slow_mode.last_sent")


class SlowMode(Plugin[SlowModeConfig]):
    """Asks people to take their time between two messages."""

    @hookimpl
    def check_event(self, connection: Connection, event: Message) -> None:
        now = self.manager.now()
        config = self.config_for(event.room)
        wait = connection.state.get(LAST_SENT, -math.inf) + config.seconds - now
        if wait > 0:
            raise Rejected("rate_limited", f"Slow mode is on: wait {math.ceil(wait)} s.", retry_after=wait)
        connection.state[LAST_SENT] = now
