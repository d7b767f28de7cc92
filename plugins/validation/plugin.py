"""Checks contents and names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
from pydantic import Field, field_validator

from ...core import Connection, Event, Message, Plugin, PluginConfig, Private, Rejected, hookimpl
from ...protocol import Json
from .imitation import mixes_scripts, skeleton
from .invisible import VISIBLE
from .schema import check_schema, compile_schema

if TYPE_CHECKING:
    import jsonschema_rs

_ASCII_CONTROLS = bytes((*range(9), 11, 12, *range(14, 32), 127))
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls of terminals, but for line breaks and tabs, and of the writing direction (Unicode Standard Annex 9)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The options that each message needs: a pydantic model is slow to read."""

    max_length: int
    must_be_text: bool
    schema: jsonschema_rs.Validator | None


class ValidationConfig(PluginConfig):
    """The options of `validation`."""

    content: Literal["text", "json"] = Field(
        default="text",
        description="text: a string that is not blank, or what json_schema allows besides; json: any JSON value",
    )
    max_length: int = Field(
        default=1000, ge=1, description="characters in a content; of one that is no text, those of its JSON"
    )
    json_schema: dict[str, object] | str | None = Field(
        default=None,
        description="a JSON Schema for contents, or the path of a file that holds one; needs hubbub[schema]",
    )
    reserved_names: list[str] = Field(
        default=["hubbub", "server", "system"], description="names that nobody may have or imitate"
    )
    imitations: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="names that look like that of somebody online, or mix scripts; allow is for names that you "
        "give out yourself",
    )

    @field_validator("json_schema")
    @classmethod
    def _compiles(cls, schema: dict[str, object] | str | None) -> dict[str, object] | str | None:
        if schema is not None:
            compile_schema(schema)  # Tried here, so that a mistake stops the start and names its line.
        return schema

    @cached_property
    def rules(self) -> Rules:
        """What contents are checked against."""
        schema = None if self.json_schema is None else compile_schema(self.json_schema)
        return Rules(self.max_length, self.content == "text", schema)

    @cached_property
    def reserved(self) -> frozenset[str]:
        """What the reserved names look like."""
        return frozenset(map(skeleton, self.reserved_names))


class Validation(Plugin[ValidationConfig]):
    """Refuses contents that the config does not allow and names that could be taken for another's."""

    @hookimpl
    def startup(self) -> None:
        """Nobody is online yet."""
        self._online: dict[str, str] = {}

    @hookimpl
    def check_connect(self, connection: Connection) -> None:
        """Refuse a name that imitates somebody who is online."""
        user = connection.user
        if user in self.manager.users:
            return
        config, shape = self.config_for(connection.room), skeleton(user)
        if not shape:
            raise Rejected("forbidden", "Your name shows nothing; use one that can be seen.", path="user")
        if shape in config.reserved:
            raise Rejected("forbidden", f"The name {user!r} is reserved, or looks like one that is.", path="user")
        if config.imitations == "allow":
            return
        if mixes_scripts(user):
            raise Rejected("forbidden", "Your name mixes scripts that look alike; use one.", path="user")
        if shape in self._online:
            other = self._online[shape]
            raise Rejected("forbidden", f"The name {user!r} looks like {other!r}, who is online.", path="user")

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Remember what the name looks like."""
        self._online.setdefault(skeleton(connection.user), connection.user)

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        """Forget it when the user's last connection is gone."""
        user, shape = connection.user, skeleton(connection.user)
        if user not in self.manager.users and self._online.get(shape) == user:
            del self._online[shape]

    @hookimpl
    def check_event(self, event: Message | Private) -> None:
        """Refuse a content that the room's options do not allow."""
        rules, content = self.config_for(event.room if isinstance(event, Message) else None).rules, event.content
        if isinstance(content, str):
            if len(content) > rules.max_length:
                raise _too_large(len(content), rules.max_length)
            if rules.must_be_text:
                _check_text(content, event)
        elif rules.must_be_text and rules.schema is None:
            raise _invalid("The content must be a string.", "a string", event.example)
        else:
            _check_size(content, rules.max_length, event.example)
        if rules.schema is not None:
            check_schema(rules.schema, content)


def _check_text(content: str, event: Event) -> None:
    # Most contents are ASCII, and this tells twice as fast as a regular expression that nothing is wrong.
    is_clean = content.isascii() and len(content.encode().translate(None, _ASCII_CONTROLS)) == len(content)
    if is_clean and content and not content.isspace():
        return
    if _CONTROLS.search(content):
        raise _invalid(
            "The content holds control characters.",
            "text without control characters but \\n, \\r and \\t",
            event.example,
        )
    if not VISIBLE.search(content):
        raise _invalid("The content is blank.", "a string with something in it", event.example)


def _check_size(content: object, limit: int, example: Mapping[str, Json]) -> None:
    try:
        length = len(msgspec.json.encode(content).decode())
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise _invalid("The content has no place in JSON.", "a JSON value", example) from None
    if length > limit:
        raise _too_large(length, limit)


def _too_large(length: int, limit: int) -> Rejected:
    return Rejected(
        "too_large",
        f"The content has {length:,} characters; at most {limit:,} are allowed.",
        path="content",
        expected=f"at most {limit} characters",
    )


def _invalid(message: str, expected: str, example: Mapping[str, Json]) -> Rejected:
    return Rejected("invalid", message, path="content", expected=expected, example=example)
