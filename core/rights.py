"""The rights to rooms that credentials may carry."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

from pydantic import BeforeValidator

RIGHTS = ("join", "publish", "presence", "history")
"""Those that the core knows; an event type that a plugin adds may ask for one of its own."""


def _rooms_with_every_right(value: object) -> object:
    if not isinstance(value, list):
        return value
    rooms = cast("list[object]", value)
    return dict.fromkeys(rooms, RIGHTS) if all(isinstance(room, str) for room in rooms) else rooms


RoomRights: TypeAlias = Annotated[dict[str, frozenset[str]], BeforeValidator(_rooms_with_every_right)]
"""For pydantic: what `Identity.rooms` takes, as credentials write it.

That is an object such as ``{"team-*": ["join", "publish"]}``, or a list of room patterns: all `RIGHTS`.
"""
