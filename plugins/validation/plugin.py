"""Checks contents and names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from ...core import Connection, Message, Plugin, PluginConfig, Private, Rejected, hookimpl
from .imitation import mixes_scripts, skeleton

if TYPE_CHECKING:
    import jsonschema_rs

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u206f\u3164\ufeff\uffa0]+"
)


class ValidationConfig(PluginConfig):
    """The options of `validation`."""

    content: Literal["text", "json"] = Field(
        default="text", description="text: a string that is not blank; json: any JSON value"
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


class Validation(Plugin[ValidationConfig]):
    """Refuses contents that the config does not allow and names that could be taken for another's."""

    @hookimpl
    def startup(self) -> None:
        """Compile the schemas, so that a mistake in one stops the start."""
        configs = (self.config, *self._overrides.values())
        self._schemas = {id(each): _compile(each.json_schema) for each in configs if each.json_schema is not None}
        self._online: dict[str, str] = {}
        self._reserved = {skeleton(name) for name in self.config.reserved_names}

    @hookimpl
    def check_connect(self, connection: Connection) -> None:
        """Refuse a name that imitates somebody who is online."""
        user = connection.user
        if user.isascii() and user in self.manager.users:
            return
        shape = skeleton(user)
        if mixes_scripts(user):
            raise Rejected("forbidden", "Your name mixes scripts that look alike; use one.", path="user")
        if shape in self._reserved:
            raise Rejected("forbidden", f"The name {user!r} is reserved, or looks like one that is.", path="user")
        other = self._online.get(shape)
        if other is not None and other != user:
            raise Rejected("forbidden", f"The name {user!r} looks like {other!r}, who is online.", path="user")

    @hookimpl
    def connected(self, connection: Connection) -> None:
        """Remember what the name looks like."""
        self._online[skeleton(connection.user)] = connection.user

    @hookimpl
    def disconnected(self, connection: Connection) -> None:
        """Forget it when the user's last connection is gone."""
        if connection.user not in self.manager.users:
            self._online.pop(skeleton(connection.user), None)

    @hookimpl
    def check_event(self, event: Message | Private) -> None:
        """Refuse a content that the room's options do not allow."""
        config = self.config_for(event.room if isinstance(event, Message) else None)
        content = event.content
        if isinstance(content, str):
            if len(content) > config.max_length:
                raise _too_large(len(content), config.max_length)
            if config.content == "text":
                _check_text(content, event.example)
        elif config.content == "text":
            raise _invalid("The content must be a string.", "a string", event.example)
        else:
            length = len(json.dumps(content, ensure_ascii=False, default=str))
            if length > config.max_length:
                raise _too_large(length, config.max_length)
        if self._schemas and id(config) in self._schemas:
            _check_schema(self._schemas[id(config)], content)


def _check_text(content: str, example: Mapping[str, object]) -> None:
    if content.isascii() and content.isprintable():
        if not content.strip():
            raise _invalid("The content is blank.", "a string with something in it", example)
        return
    if _CONTROLS.search(content):
        raise _invalid(
            "The content holds control characters.", "text without control characters but \\n and \\t", example
        )
    if not _INVISIBLE.sub("", content):
        raise _invalid("The content is blank.", "a string with something in it", example)


def _check_schema(schema: jsonschema_rs.Validator, content: object) -> None:
    error = next(schema.iter_errors(content), None)
    if error is not None:
        path = ".".join(["content", *map(str, error.instance_path)])
        raise Rejected("invalid", f"The content does not fit this room: {error.message}.", path=path)


def _compile(schema: dict[str, object] | str) -> jsonschema_rs.Validator:
    try:
        import jsonschema_rs
    except ImportError:
        raise ValueError("'json_schema' needs another package: pip install 'hubbub[schema]'") from None
    if isinstance(schema, str):
        try:
            schema = cast("dict[str, object]", json.loads(Path(schema).read_text()))
        except (OSError, ValueError) as error:
            raise ValueError(f"'json_schema' cannot be read from {schema!r}: {error}") from None
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except Exception as error:
        raise ValueError(f"'json_schema' is not a JSON Schema: {error}") from None


def _too_large(length: int, limit: int) -> Rejected:
    return Rejected(
        "too_large",
        f"The content has {length:,} characters; at most {limit:,} are allowed.",
        path="content",
        expected=f"at most {limit} characters",
    )


def _invalid(message: str, expected: str, example: Mapping[str, object]) -> Rejected:
    return Rejected("invalid", message, path="content", expected=expected, example=cast("dict[str, str]", example))
