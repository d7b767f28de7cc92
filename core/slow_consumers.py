"""What the config says of an event for a client that is too slow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ..protocol import Event, tag_of
from .backlog import Policy, Rule
from .config import RoomsConfig, SlowConsumers


class SlowConsumerRules:
    """The policies by room pattern and event type."""

    def __init__(self, rooms: RoomsConfig) -> None:
        self._rooms = rooms

    def rule_for(self, event: Event) -> Rule:
        """The rule for one event: that of its room's pattern, else the one for all rooms."""
        room = cast("str | None", getattr(event, "room", None))
        tag = tag_of(type(event))
        options = self._rooms.match(room)[1] if room is not None else None
        policy = _policy(options.slow_consumers, tag) if options is not None and options.slow_consumers else None
        policy = policy or _policy(self._rooms.slow_consumers, tag) or "close"
        if policy != "conflate":
            return Rule(policy)
        path = (options.conflate_by if options is not None else None) or self._rooms.conflate_by
        value = _at(event, path)
        return Rule(policy, None if value is None else f"{tag}:{value}")


def _policy(configured: SlowConsumers, tag: str) -> Policy | None:
    if isinstance(configured, str):
        return configured
    return configured.get(tag) or configured.get("*")


def _at(event: Event, path: str) -> object:
    """What stands at a dotted path such as ``content.symbol``; None where there is nothing."""
    value: object = event
    for name in path.split("."):
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get(name)
        else:
            value = cast(object, getattr(value, name, None))
    return value
