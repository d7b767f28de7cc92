"""What pydantic found wrong, in people's words: what was expected, what stands there instead."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from .config_errors import MISSING, KeyPath, child, is_list, is_mapping, nearest
from .config_shape import Slot, known_keys, slots_at

_LONGEST_SHOWN = 60

_WHOLE_NUMBER = "a whole number"
_NUMBER = "a number"
_SIZE = "a size in bytes"

# By pydantic's names of errors; those that are absent here have a sentence of their own below, or keep pydantic's.
_EXPECTED: Mapping[str, str] = {
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "number_type": _NUMBER,
    "greater_than": _NUMBER,
    "greater_than_equal": _NUMBER,
    "less_than": _NUMBER,
    "less_than_equal": _NUMBER,
    "byte_size": _SIZE,
    "byte_size_unit": _SIZE,
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "plugin_options": "options (keys with values), true or false",
    "none_required": "nothing",
}
_NUMERIC = frozenset({_WHOLE_NUMBER, _NUMBER, _SIZE})

_SECONDS_IN: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class _Mistake:
    path: KeyPath
    details: ErrorDetails
    of_union: bool
    """Whether this is what one of several alternatives says."""


def explain(
    error: ValidationError, model: type[BaseModel], data: object, is_secret: Callable[[KeyPath], bool]
) -> list[tuple[KeyPath, str]]:
    """Each mistake in `data` as a key path and a sentence; values for which `is_secret` holds are not repeated."""
    found = [_located(details, data) for details in error.errors(include_url=False)]
    by_path: dict[KeyPath, list[_Mistake]] = {}
    for mistake in found:
        if not _overruled(mistake, found):
            by_path.setdefault(mistake.path, []).append(mistake)
    explained: list[tuple[KeyPath, str]] = []
    for path, mistakes in by_path.items():
        slots = slots_at(model, path)
        expected = [_expected(mistake.details, slots) for mistake in mistakes]
        alternatives = list(dict.fromkeys(text for text in expected if text is not None))
        if alternatives:
            got = "a value that is not shown" if is_secret(path) else _shown(mistakes[0].details["input"])
            hint = "" if is_secret(path) else _hint(mistakes[0].details, expected)
            sentence = f"expected {' or '.join(alternatives)}, got {got}.{hint}{_described(slots)}"
            explained.append((path, sentence))
        explained += [
            (path, _statement(mistake.details, model, path, slots))
            for mistake, text in zip(mistakes, expected, strict=True)
            if text is None
        ]
    return explained


def _located(details: ErrorDetails, data: object) -> _Mistake:
    """Where a mistake is in the data; pydantic's location also names the alternatives that it tried."""
    path: KeyPath = ()
    location = details["loc"]
    value = data
    for index, part in enumerate(location):
        below = child(value, part)
        last = index == len(location) - 1
        if below is not MISSING or (last and details["type"] == "missing"):
            path = (*path, part)
            value = below
    return _Mistake(path, details, of_union=len(path) < len(location))


def _overruled(mistake: _Mistake, found: list[_Mistake]) -> bool:
    """Whether another alternative was nearer: it took the value, and found the mistake inside."""
    above = len(mistake.path)
    return mistake.of_union and any(
        len(other.path) > above and other.path[:above] == mistake.path for other in found
    )


def _expected(details: ErrorDetails, slots: list[Slot]) -> str | None:
    """What should stand there; `None` where the mistake is of another kind."""
    kind = details["type"]
    context = details.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return "one of " + ", ".join(_choices(details))
    if kind == "string_too_short":
        least = context["min_length"]
        return "text that is not empty" if least == 1 else f"text of at least {least} characters"
    if kind == "string_too_long":
        return f"text of at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    if kind == "too_short" and any(slot.annotation is SecretStr for slot in slots):
        return f"text of at least {context['min_length']} characters"
    if kind == "too_short":
        return f"at least {_counted(context['min_length'])}"
    if kind == "too_long":
        return f"at most {_counted(context['max_length'])}"
    noun = _EXPECTED.get(kind)
    if noun is None:
        generic = re.match(r"Input should be (.+)", details["msg"])
        return generic[1] if generic else None
    if noun not in _NUMERIC:
        return noun
    slot = next((slot for slot in slots if slot.number is not None), Slot(None))
    nouns = {"int": _WHOLE_NUMBER, "float": _NUMBER, "size": _SIZE, None: noun}
    examples = ", such as 65536, 64KiB or 1MiB" if nouns[slot.number] == _SIZE else ""
    return nouns[slot.number] + slot.bounds() + examples


def _statement(details: ErrorDetails, model: type[BaseModel], path: KeyPath, slots: list[Slot]) -> str:
    """The sentence for a mistake other than a wrong value."""
    if details["type"] == "missing":
        return f"is missing, and has no default.{_described(slots)}"
    if details["type"] == "extra_forbidden":
        known = known_keys(model, path[:-1])
        listed = f" Known keys: {', '.join(known)}." if known else ""
        return f"unknown key.{_elsewhere(model, path, known)}{listed}"
    text = re.sub(r"^(Value error|Assertion failed), ", "", details["msg"])
    return text if text.endswith((".", "?", "!")) else text + "."


def _elsewhere(model: type[BaseModel], path: KeyPath, known: list[str]) -> str:
    """Where an unknown key may belong: to another section, to a key that is spelt nearly so, or to the plugins."""
    key = str(path[-1])
    if key != key.strip():
        return " It begins or ends with something that is no plain space. Indent with plain spaces."
    for section in known_keys(model, ()):
        if key in known_keys(model, (section,)):
            return f" It belongs under '{section}:', indented."
    plugin = " If it is a plugin, put it under 'plugins:', indented." if "plugins" in known else ""
    return nearest(key, known) or plugin


def _hint(details: ErrorDetails, expected: Sequence[str | None]) -> str:
    value: object = details["input"]
    if details["type"] == "plugin_options":
        return " If it is an option of the plugin above, indent it further."
    if "keys with values" in expected and is_list(value):
        return " Write 'name:' in place of '- name'."
    if "keys with values" in expected and isinstance(value, str) and re.match(r"\w+[:=]", value):
        return " Put a ':' and a space between a key and its value."
    if details["type"] == "string_type" and isinstance(value, bool | int | float):
        return " Put it in quotes to make it text."
    if "a list" in expected and isinstance(value, str | int | float):
        return f" Put it in brackets to make it a list: [{_shown(value)}]."
    if isinstance(value, str) and re.fullmatch(r"\$\{?\w+\}?", value):
        return f" Variables are named by a tag: !env {value.strip('${}')}."
    if isinstance(value, str) and (time := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s|m|min|h|d)", value)):
        seconds = float(time[1]) * _SECONDS_IN[time[2]]
        return f" Times are seconds, without a unit: {seconds:.10g}." if _is_number(expected) else ""
    if details["type"] in ("literal_error", "enum") and isinstance(value, str):
        return nearest(value, _choices(details))
    return ""


def _is_number(expected: Sequence[str | None]) -> bool:
    return any(text is not None and text.startswith(_NUMBER) for text in expected)


def _choices(details: ErrorDetails) -> list[str]:
    told = str(details.get("ctx", {}).get("expected", ""))
    return re.findall(r"'([^']*)'", told) or [told]


def _counted(entries: int) -> str:
    return f"{entries} {'entry' if entries == 1 else 'entries'}"


def _described(slots: list[Slot]) -> str:
    text = next((slot.description for slot in slots if slot.description), "")
    return f" {text[0].upper()}{text[1:].removesuffix('.')}." if text else ""


def _shown(value: object) -> str:
    """A value in the words of YAML, without what could forge a line or fill the screen."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_mapping(value):
        return "keys with values"
    if is_list(value):
        return "a list"
    try:
        text = repr(value)
    except ValueError:
        return "a number that is too long to show"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
