"""The rules of the config, ready to be asked who may what."""

from __future__ import annotations

from collections.abc import Mapping

from ...core import Identity
from .pattern import RoomPattern
from .subjects import Attempt, Subject, parse_subject

Who = str | list[str]
"""Whom the config means: a word, or several of them."""


class Rules:
    """Who may what, by room."""

    def __init__(self, rooms: Mapping[str, Mapping[str, Who]]) -> None:
        """Raise `ValueError` where the config did not check them before."""
        self._rules = tuple(
            (RoomPattern(pattern), {right: parse_who(who) for right, who in rule.items()})
            for pattern, rule in rooms.items()
        )

    def allow(self, identity: Identity, right: str, room: str) -> bool | None:
        """Whether the first rule that matches ``room`` gives the right; None where none matches."""
        for pattern, rule in self._rules:
            owner = pattern.owner_of(room)
            if owner is not None:
                return is_among(rule.get(right) or rule["join"], Attempt(identity, right, room, owner))
        return None


def parse_who(who: Who) -> tuple[Subject, ...]:
    """Whom the config means. Raise `ValueError` where it means nobody that there could be."""
    return tuple(parse_subject(each) for each in ([who] if isinstance(who, str) else who))


def is_among(subjects: tuple[Subject, ...], attempt: Attempt) -> bool:
    """Whether those who attempt something are meant by one of ``subjects``."""
    return any(subject(attempt) for subject in subjects)
