"""ConfigError: every mistake in a config at once, each with its place, its key and a remedy."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys, and positions in lists, that lead from the top of the config to a value."""

MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    place: str
    """Where to look, such as `config.yaml:12` or `environment variable HUBBUB_SERVER__PORT`."""
    key: str
    """The key with the keys above it, such as `server.port`; empty where the whole file is meant."""
    text: str
    """What was expected, and what to do."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.text) if part)


class ConfigError(Exception):
    """The config has mistakes; `str()` lists all of them, a block each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def show_key(path: KeyPath) -> str:
    """A key path as people write it: `plugins.rate_limit.types[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # A key may be anything that YAML can hold: it must not be able to forge a line of the message.
            text += ("." if text else "") + (part if part.isprintable() else ascii(part))
    return text


def is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    """Whether this part of the config has keys; they are texts always."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether this part of the config is a list."""
    return isinstance(value, list)


def child(value: object, part: str | int) -> object:
    """What stands at one key, or one position, of a part of the config; `MISSING` where nothing does."""
    if isinstance(part, str):
        return value.get(part, MISSING) if is_mapping(value) else MISSING
    return value[part] if is_list(value) and part < len(value) else MISSING


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'messages'?` where a known word is near, else nothing."""
    by_normal_form = {_normal_form(candidate): candidate for candidate in known}
    matches = difflib.get_close_matches(_normal_form(word), by_normal_form, n=1)
    return f" Did you mean {by_normal_form[matches[0]]!r}?" if matches else ""


def _normal_form(word: str) -> str:
    return word.casefold().replace("-", "_")
