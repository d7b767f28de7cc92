"""Whom the words mean by which the config says who: `everyone`, `owner`, `group:staff` and the like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase, translate
from typing import NamedTuple

from ...core import Identity
from ...protocol import Json


class Attempt(NamedTuple):
    """Somebody wants to do something in a room."""

    identity: Identity
    right: str
    room: str
    owner: str
    """The user whose room it is by its name; empty where it is nobody's."""


Subject = Callable[[Attempt], bool]
"""Whether those who attempt something are meant."""


def _is_owner(attempt: Attempt) -> bool:
    # A guest of that name is somebody else.
    return attempt.identity.kind == "user" and attempt.identity.user == attempt.owner != ""


def _has_token(attempt: Attempt) -> bool:
    return any(
        attempt.right in rights and fnmatchcase(attempt.room, pattern)
        for pattern, rights in attempt.identity.rooms.items()
    )


WORDS: Mapping[str, Subject] = {
    "everyone": lambda _: True,
    "nobody": lambda _: False,
    "users": lambda attempt: attempt.identity.kind == "user",
    "guests": lambda attempt: attempt.identity.is_guest,
    "owner": _is_owner,
    "token": _has_token,
}

_OFTEN_MEANT = {
    **dict.fromkeys(("*", "all", "any", "anyone", "anybody", "everybody", "public"), "everyone"),
    **dict.fromkeys(("none", "noone", "no-one"), "nobody"),
    **dict.fromkeys(("anonymous", "anon"), "guests"),
    **dict.fromkeys(("authenticated", "members"), "users"),
}


def parse_subject(text: str) -> Subject:
    """Whom ``text`` means. Raise `ValueError`, with a sentence for the deployer, where it means nobody."""
    if text in WORDS:
        return WORDS[text]
    kind, colon, name = text.partition(":")
    if not colon:
        _refuse_misspelt(text)
        return _user(text)
    if kind not in _KINDS:
        near = get_close_matches(kind.casefold(), _KINDS, n=1)
        hint = f" Did you mean '{near[0]}:{name}'?" if near else ""
        known = ", ".join(f"{each}:…" for each in _KINDS)
        raise ValueError(f"{text!r} begins with none of {known}.{hint} A user of that name is 'user:{text}'")
    if not name or name != name.strip():
        raise ValueError(f"{text!r} needs a name after the colon, without a space")
    return _KINDS[kind](name)


def _refuse_misspelt(text: str) -> None:
    word = text.strip().casefold()
    if word in _KINDS:
        raise ValueError(f"{text!r} needs a name, as in '{word}:{_EXAMPLES[word]}'")
    near = _OFTEN_MEANT.get(word) or next(iter(get_close_matches(word, WORDS, n=1, cutoff=0.8)), None)
    if near is not None:
        raise ValueError(f"did you mean {near!r}? A user of that name is 'user:{text}'")
    if not word or text != text.strip():
        raise ValueError(f"{text!r} is no name: it is empty, or has a space at an end")


def _user(pattern: str) -> Subject:
    matches = re.compile(translate(pattern)).match
    # Nobody vouches for the name of a guest.
    return lambda attempt: attempt.identity.kind == "user" and matches(attempt.identity.user) is not None


def _group(name: str) -> Subject:
    if re.search(r"[*?]", name):
        raise ValueError(f"a group's name is compared as it stands, so {name!r} would be none: list the groups")
    return lambda attempt: name in attempt.identity.groups


def _claim(text: str) -> Subject:
    path, equals, value = text.partition("=")
    if not (path and equals and value):
        raise ValueError(f"'claim:{text}' must say which value is wanted, as in 'claim:{_EXAMPLES['claim']}'")
    return lambda attempt: any(value == text for text in _texts_at(attempt.identity.claims, path))


_KINDS: Mapping[str, Callable[[str], Subject]] = {"group": _group, "claim": _claim, "user": _user}
_EXAMPLES = {"group": "staff", "claim": "plan=gold", "user": "alice"}


def _texts_at(value: Json, path: str) -> Iterator[str]:
    """What stands at a path, as text. A name may itself have dots, as ``https://example.com/role`` has."""
    if not isinstance(value, Mapping):
        return
    if path in value:
        yield from _texts(value[path])
    for index, character in enumerate(path):
        if character == "." and path[:index] in value:
            yield from _texts_at(value[path[:index]], path[index + 1 :])


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        several: Sequence[Json] = value
    else:
        several = (value,)
    for each in several:
        if isinstance(each, str):
            yield each
        elif isinstance(each, bool):
            yield "true" if each else "false"
        elif isinstance(each, int | float):
            yield str(each)
