"""The options of `permissions`, and the mistakes that one can make in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ...core import PluginConfig, RoomEvent
from .pattern import RoomPattern
from .rules import Who
from .subjects import parse_subject


def _needs_rights(rule: object) -> object:
    if rule is None or isinstance(rule, str | list):
        raise PydanticCustomError(
            "permissions", "who may what is written as {example}", {"example": "{join: everyone}"}
        )
    return rule


Rule = Annotated[dict[str, Who], BeforeValidator(_needs_rights)]
"""Who has which right."""

RIGHTS = ("join", "publish", "presence", "history")

Mistake = tuple[tuple[str | int, ...], str]
"""The keys that lead to it, and a sentence about it."""


class PermissionsConfig(PluginConfig):
    """The options of `permissions`."""

    rooms: dict[str, Rule] = Field(
        default={"@{user}": {"join": "owner"}, "*": {"join": "everyone"}},
        description="who may what, by room pattern: the first one that matches a room decides, and a room that "
        "none matches lets nobody in",
    )
    private: Who = Field(default="everyone", description="who may send private messages")

    @field_validator("rooms")
    @classmethod
    def _make_sense(cls, rooms: dict[str, Rule]) -> dict[str, Rule]:
        _raise(list(_mistakes_in(rooms)))
        return rooms

    @field_validator("private")
    @classmethod
    def _needs_no_room(cls, who: Who) -> Who:
        mistakes = list(_mistakes_in_who(who))
        for path, word in _words(who):
            if word in ("owner", "token"):
                mistakes.append((path, f"{word!r} says nothing here: a private message is in no room"))
        _raise(mistakes)
        return who


def _raise(mistakes: list[Mistake]) -> None:
    """Tell all of them at once, each with its place."""
    if mistakes:
        details = [
            InitErrorDetails(
                type=PydanticCustomError("permissions", "{text}", {"text": text}), loc=path, input=None
            )
            for path, text in mistakes
        ]
        raise ValidationError.from_exception_data("permissions", details)


def _mistakes_in(rooms: Mapping[str, Rule]) -> Iterator[Mistake]:
    if not rooms:
        yield (), "nobody could enter any room. For every room write '\"*\": {join: everyone}'"
    patterns = list(rooms)
    for pattern, rule in rooms.items():
        if "*" in patterns[: patterns.index(pattern)]:
            yield (pattern,), "comes too late: '*' above it matches every room. Put it before '*'"
        try:
            has_owner = RoomPattern(pattern).has_owner
        except ValueError as error:
            yield (pattern,), str(error)
            has_owner = True
        if "join" not in rule:
            yield (pattern,), "does not say who may join, as in {join: everyone}"
        for right, who in rule.items():
            yield from (((pattern, *path), text) for path, text in _mistakes_in_right(right, who))
            for path, word in _words(who):
                if word == "owner" and not has_owner:
                    text = "'owner' is the user that {user} stands for, and the pattern has no {user}"
                    yield (pattern, right, *path), text


def _mistakes_in_right(right: str, who: Who) -> Iterator[Mistake]:
    if right == "private":
        yield (right,), "stands beside 'rooms', as a private message is in no room"
    elif right not in (known := {*RIGHTS, *_rights_of_plugins()}):
        near = get_close_matches(right.casefold(), sorted(known), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        text = (
            f"there is no such right.{hint} Rights: {', '.join(RIGHTS)}, and what an event type of a plugin names"
        )
        yield (right,), text
    yield from (((right, *path), text) for path, text in _mistakes_in_who(who))


def _mistakes_in_who(who: Who) -> Iterator[Mistake]:
    for path, word in _words(who):
        try:
            parse_subject(word)
        except ValueError as error:
            yield path, str(error)


def _words(who: Who) -> Iterator[tuple[tuple[int, ...], str]]:
    if isinstance(who, str):
        yield (), who
    else:
        yield from (((index,), word) for index, word in enumerate(who))


def _rights_of_plugins() -> Iterator[str]:
    """The rights that event types name: all plugins of a config are imported before their options are checked."""
    above: list[type[RoomEvent]] = [RoomEvent]
    while above:
        event = above.pop()
        yield event.right
        above += event.__subclasses__()
