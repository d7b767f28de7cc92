"""Why a frame was not understood, said so that a person at a terminal can mend it.

Only frames that the decoder refused come here, so clarity goes before speed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NoReturn, cast

import msgspec

from .errors import Rejected
from .events import Event, Json, RoomEvent, Stamped

_STAMPED = frozenset(RoomEvent.__struct_fields__) - {"id", "room"}
_ERROR_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`")
_EXPECTED = re.compile(r"Expected (?P<expected>.+?)(?:, got `(?P<got>\w+)`)?$")
_LENGTH = re.compile(r"of length (<=|>=) (\d+)")
_BOUND = re.compile(r"`(?:int|float)` (<=|>=) (-?\d+)")
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_HELLO: Mapping[str, Json] = {"type": "message", "content": "hello"}


def stamped_fields(event: type[Event]) -> frozenset[str]:
    """The fields of a type that are the server's to say, whatever a client sends in them."""
    return _STAMPED if issubclass(event, Stamped) else frozenset()


class _DuplicateKey(Exception):
    """A key stands twice in one object."""


class _UnfitNumber(Exception):
    """A number that no double or 64-bit integer holds."""


class Diagnosis:
    """Explains refused frames for one set of event types."""

    def __init__(self, types: Mapping[str, type[Event]]) -> None:
        self._types = types
        self._defaults = {event: _defaults(event) for event in types.values()}
        self._hello = _HELLO if "message" in types else types["help"].example

    def of_json(self, frame: bytes) -> Event:
        """Raise `Rejected`, or return the event if only fields that the server stamps were wrong."""
        return self._of_object(self._parse(frame))

    def of_msgpack(self, frame: bytes, error: Exception) -> Event:
        """As `of_json`, for MessagePack."""
        try:
            raw = msgspec.msgpack.decode(frame)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
            raise self._bad(f"The frame is not valid MessagePack: {_lower(error)}.") from None
        return self._of_object(raw)

    def refuse_what_json_lacks(self, event: Event, name: str, *, is_untyped: bool) -> None:
        """Raise `Rejected` ``invalid`` where a field read from MessagePack holds what JSON cannot say."""
        waiting: list[object] = [getattr(event, name)]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += cast(list[object], value)
            elif isinstance(value, dict):
                entries = cast(dict[object, object], value)
                waiting += entries.values()
                if is_untyped and not all(isinstance(key, str) for key in entries):
                    raise self._not_json(event, name)
            elif isinstance(value, float):
                if not math.isfinite(value):
                    raise self._not_json(event, name)
            elif is_untyped and not isinstance(value, str | int | None):
                raise self._not_json(event, name)

    def _not_json(self, event: Event, name: str) -> Rejected:
        rejected = Rejected(
            "invalid",
            f"The field {name!r} holds what JSON does not have, such as bytes, NaN or a key that is no string.",
            path=name,
            expected="a value that JSON has",
            example=event.example or None,
        )
        rejected.id = event.id
        return rejected

    def refuse_duplicate_keys(self, frame: bytes, event: Event) -> None:
        """Raise `Rejected` ``bad_json`` where a key stands twice in ``frame``, at any depth."""
        keys = frame.count(b":") - 1
        is_plain = b"\\" not in frame
        for name, default in self._defaults[type(event)]:
            value = getattr(event, name)
            if value is not default:  # Only what is not the default is sure to be in the frame.
                keys -= 1
                if is_plain and isinstance(value, str):  # Without escapes, its colons are the frame's.
                    keys -= value.count(":")
        if keys > 0:
            self._parse(frame)

    def _parse(self, frame: bytes) -> object:
        text = ""
        try:
            text = frame.decode()
            raw = json.loads(
                text,
                object_pairs_hook=_unique,
                parse_constant=_no_constant,
                parse_int=_whole_number,
                parse_float=_number,
            )
            json.dumps(raw, ensure_ascii=False).encode()
        except _DuplicateKey as duplicate:
            raise self._bad(f"The key {duplicate.args[0]!r} stands twice in one object.") from None
        except json.JSONDecodeError as malformed:
            where = f"line {malformed.lineno}, column {malformed.colno}" if len(frame) else "an empty frame"
            raise self._bad(
                f"The frame is not valid JSON: {_lower(malformed.msg)} ({where}).", said=text
            ) from None
        except UnicodeDecodeError:
            raise self._bad("The frame is not valid UTF-8.") from None
        except UnicodeEncodeError:
            raise self._bad("The frame holds half of a surrogate pair, which is not a character.") from None
        except RecursionError:
            raise self._bad("The frame is nested too deep.") from None
        except _UnfitNumber as unfit:
            raise self._bad(f"The frame is not valid JSON: {unfit}.") from None
        return raw

    def _of_object(self, raw: object) -> Event:
        if not isinstance(raw, dict):
            kind = "a list" if isinstance(raw, list) else "a single value"
            raise self._bad(f"The frame is {kind}; an event is an object with a type.")
        fields = cast(dict[object, object], raw)
        try:
            return self._convert(fields)
        except Rejected as rejected:
            id_ = fields.get("id")
            rejected.id = id_ if isinstance(id_, str) and 0 < len(id_) <= 64 else None
            raise

    def _convert(self, fields: dict[object, object]) -> Event:
        tag = fields.get("type")
        if not isinstance(tag, str):
            self._refuse_type(fields)
        event = self._types.get(tag)
        if event is None:
            raise self._unknown(tag)
        stamped = stamped_fields(event)
        try:
            return msgspec.convert({key: fields[key] for key in fields if key not in stamped}, event)
        except msgspec.ValidationError as error:
            raise self._invalid(tag, event, fields, str(error)) from None
        except RecursionError:
            raise self._bad("The frame is nested too deep.") from None

    def _refuse_type(self, fields: dict[object, object]) -> NoReturn:
        if "type" in fields:
            said = "The field 'type' must be a string."
        else:
            near = _near("type", [key for key in fields if isinstance(key, str)])
            said = "The field 'type' is missing." + _meant(near)
        raise Rejected(
            "invalid",
            f"{said} It says which event this is: {_list(sorted(self._types))}.",
            path="type",
            expected="the name of an event type, as a string",
            example=self._hello,
        )

    def _unknown(self, tag: str) -> Rejected:
        near = _near(tag, list(self._types))
        if near:
            message = f"There is no event type {_shown(tag)}. Did you mean '{near}'?"
        else:
            message = f"There is no event type {_shown(tag)}. This server knows {_list(sorted(self._types))}."
        example = self._types[near].example if near else self._types["help"].example
        return Rejected("unknown_type", message, path="type", expected=_list(sorted(self._types)), example=example)

    def _invalid(self, tag: str, event: type[Event], fields: dict[object, object], error: str) -> Rejected:
        match = _ERROR_PATH.match(error)
        what, path = (match["what"], match["path"] or "") if match else (error, "")
        missing = _MISSING.match(what)
        if missing:
            path = f"{path}.{missing[1]}" if path else missing[1]
            known = set(event.__struct_encode_fields__)
            near = _near(missing[1], [key for key in fields if isinstance(key, str) and key not in known])
            message, expected = f"The field {path!r} is missing.{_meant(near)}", f"the field {path!r}"
        else:
            expected, got = _expected(what)
            message = f"The field {path!r} must be {expected}{f', not {got}' if got else ''}."
        return Rejected(
            "invalid",
            message,
            path=path,
            expected=expected,
            example=event.example or {"type": tag},
        )

    def _bad(self, message: str, said: str = "") -> Rejected:
        example = self._hello
        if "content" in example and said.isprintable() and 0 < len(said) <= 80 and said[0] not in "{[":
            example = {**example, "content": said}
        return Rejected("bad_json", message, expected="one JSON object with a 'type'", example=example)


def _defaults(event: type[Event]) -> tuple[tuple[str, object], ...]:
    return tuple(
        (field.name, field.default)
        for field in msgspec.structs.fields(event)
        if field.required or field.default is not msgspec.NODEFAULT
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if key in fields:
            raise _DuplicateKey(key)
        fields[key] = value
    return fields


def _no_constant(name: str) -> NoReturn:
    raise _UnfitNumber(f"{name} is not a JSON number")


def _whole_number(digits: str) -> int:
    number = int(digits) if len(digits) <= 20 else None
    if number is None or not -(2**63) <= number < 2**64:
        raise _UnfitNumber(f"a whole number of {len(digits)} digits does not fit 64 bits")
    return number


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _UnfitNumber("a number is too large")
    return number


def _meant(near: str | None) -> str:
    return f" Did you mean it where you wrote {near!r}?" if near else ""


def _expected(what: str) -> tuple[str, str]:
    """What msgspec expected and what it got, in words."""
    match = _EXPECTED.match(what)
    if match is None:
        return f"a valid value ({_lower(what)})", ""
    wanted, got = str(match["expected"]), str(match["got"] or "")
    names = cast(list[str], re.findall(r"`([^`]+)`", wanted))
    kinds = [_WORDS.get(kind, kind) for name in names for kind in name.split(" | ") if kind != "null"]
    expected = " or ".join(kinds) or wanted
    bounds = _LENGTH.search(wanted)
    if bounds:
        expected += f" of at {'most' if bounds[1] == '<=' else 'least'} {bounds[2]} characters"
    elif limit := _BOUND.search(wanted):
        expected += f" of at {'most' if limit[1] == '<=' else 'least'} {limit[2]}"
    return expected, _WORDS.get(got, got)


def _near(word: str, words: list[str]) -> str | None:
    """The one of ``words`` that was probably meant."""
    lowered = {other.lower(): other for other in words}
    matches = get_close_matches(word[:64].lower(), lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _list(words: list[str]) -> str:
    return ", ".join(words)


def _lower(error: object) -> str:
    text = str(error).rstrip(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
