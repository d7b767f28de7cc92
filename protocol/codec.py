"""Frames from clients to typed events, by one decoder built from all enabled types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Union, cast

import msgspec
from msgspec import inspect

from .diagnosis import Diagnosis, stamped_fields
from .events import CORE_EVENTS, Event

_LONG_NUMBER = re.compile(rb"[0-9]{19}")


class Format(Enum):
    """How the events of one connection are written; the value is the WebSocket subprotocol."""

    JSON = "hubbub.v1.json"
    MSGPACK = "hubbub.v1.msgpack"


class Codec:
    """Decodes what clients send. Two codecs never share state: two servers fit in one process."""

    def __init__(self, events: Iterable[type[Event]] = ()) -> None:
        """``events`` are the types that plugins add to `CORE_EVENTS`.

        Raise `ValueError` where two types have the same tag.
        """
        self.types = _by_tag((*CORE_EVENTS, *events))
        union = cast(type[Event], Union[tuple(self.types.values())])  # noqa: UP007
        self._decode_json = msgspec.json.Decoder(union).decode
        self._decode_msgpack = msgspec.msgpack.Decoder(union).decode
        self._diagnosis = Diagnosis(self.types)
        self._open_fields = {event: _open_fields(event) for event in self.types.values()}
        self._json_plans = {
            event: (_required_keys(event), tuple(fields.keys() - stamped_fields(event)))
            for event, fields in self._open_fields.items()
        }

    def decode_json(self, frame: bytes) -> Event:
        """One event from UTF-8 JSON. Raise `Rejected` with what is wrong, where, and an example."""
        try:
            event = self._decode_json(frame)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._diagnosis.of_json(frame)
        required_keys, open_fields = self._json_plans[type(event)]
        # Every key has a colon: no more colons than required keys means that none stands twice.
        if frame.count(b":") > required_keys:
            self._diagnosis.refuse_duplicate_keys(frame, event)
        for name in open_fields:
            value = getattr(event, name)
            if value is not None and value.__class__ is not str and _LONG_NUMBER.search(frame):
                return self._diagnosis.of_json(frame)
        return event

    def decode_msgpack(self, frame: bytes) -> Event:
        """One event from MessagePack. Raise `Rejected` as `decode_json` does."""
        try:
            event = self._decode_msgpack(frame)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            event = self._diagnosis.of_msgpack(frame, error)
        for name, is_untyped in self._open_fields[type(event)].items():
            self._diagnosis.refuse_what_json_lacks(event, name, is_untyped=is_untyped)
        return event


def tag_of(event: type[Event]) -> str:
    """The ``type`` by which an event class is known on the wire."""
    return str(event.__struct_config__.tag)


def _by_tag(events: Iterable[type[Event]]) -> Mapping[str, type[Event]]:
    types: dict[str, type[Event]] = {}
    for event in events:
        other = types.setdefault(tag_of(event), event)
        if other is not event:
            raise ValueError(
                f"the event type {tag_of(event)!r} is claimed twice: "
                f"by {_full_name(other)} and by {_full_name(event)}"
            )
    return types


def _full_name(event: type[Event]) -> str:
    return f"{event.__module__}.{event.__qualname__}"


def _open_fields(event: type[Event]) -> dict[str, bool]:
    """The fields that can hold a number, and for each whether it can hold just any value."""
    fields = cast(inspect.StructType, inspect.type_info(event)).fields
    return {field.name: _is_untyped(field.type) for field in fields if not _is_closed(field.type)}


def _is_untyped(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.AnyType) or (isinstance(type_, inspect.CustomType) and type_.cls is object)


def _is_closed(type_: inspect.Type) -> bool:
    if isinstance(type_, inspect.UnionType):
        return all(map(_is_closed, type_.types))
    return isinstance(type_, inspect.StrType | inspect.DateTimeType | inspect.BoolType | inspect.NoneType)


def _required_keys(event: type[Event]) -> int:
    fields = msgspec.structs.fields(event)
    return 1 + sum(field.required for field in fields)
