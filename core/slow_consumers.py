"""What the config says of an event for a client that is too slow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from ..protocol import Event, tag_of
from .backlog import Policy, Rule
from .config import RoomsConfig, SlowConsumers

MOST_KNOWN = 1024
"""Rooms and types whose rule is remembered."""


class SlowConsumerRules:
    """The policies by room pattern and event type."""

    def __init__(self, rooms: RoomsConfig) -> None:
        self._rooms = rooms
        self._known: dict[tuple[str | None, type[Event]], tuple[Rule, str]] = {}
        self.conflates = "conflate" in _policies(rooms.slow_consumers) or any(
            "conflate" in _policies(each.slow_consumers) for each in rooms.options.values()
        )
        """Whether any event at all is to be conflated."""

    def rule_for(self, event: Event) -> Rule:
        """The rule for one event: that of its room's pattern, else the one for all rooms."""
        place = (cast("str | None", getattr(event, "room", None)), type(event))
        if place not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[place] = self._rule_in(*place)
        rule, path = self._known[place]
        if rule.policy != "conflate":
            return rule
        value = _at(event, path)
        return rule if value is None else Rule("conflate", f"{tag_of(type(event))}:{value}")

    def _rule_in(self, room: str | None, event: type[Event]) -> tuple[Rule, str]:
        """The rule without a key, and the path to the key."""
        tag = tag_of(event)
        options = self._rooms.match(room)[1] if room is not None else None
        policy = _policy(options.slow_consumers, tag) if options is not None and options.slow_consumers else None
        policy = policy or _policy(self._rooms.slow_consumers, tag) or "close"
        path = (options.conflate_by if options is not None else None) or self._rooms.conflate_by
        return Rule(policy), path


def _policies(configured: SlowConsumers | None) -> Iterable[str]:
    if isinstance(configured, str):
        return (configured,)
    return configured.values() if configured else ()


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
