"""Names of users and rooms: which are allowed, which match, and what a guest without one is called."""

from __future__ import annotations

import random
from collections.abc import Container, Iterable, Mapping
from fnmatch import fnmatchcase

from ..protocol import Json, Rejected

MAX_USER_NAME = 64
MAX_ROOM_NAME = 128

_ADJECTIVES = """
    amber brave bright calm clever cosy curious daring eager fair gentle glad golden happy jolly keen kind
    lively lucky merry mild noble patient proud quick quiet rapid shy silver sunny swift tidy warm wise witty
    young
""".split()  # noqa: SIM905
_ANIMALS = """
    badger bear beaver bison crane deer dolphin dove eagle falcon finch fox gecko hare heron ibex jay koala
    lark lemur lion lynx magpie marten mole moose newt otter owl panda puffin raven robin seal sparrow stork
    swan tiger toad trout turtle vole walrus weasel wolf wren yak zebra
""".split()  # noqa: SIM905


def check_user_name(name: str) -> str:
    """Return ``name``. Raise `Rejected` ``invalid`` where no user may be called so."""
    if not name or len(name) > MAX_USER_NAME or not name.isprintable() or name != name.strip():
        raise Rejected(
            "invalid",
            f"A user name has 1 to {MAX_USER_NAME} visible characters and no space at its ends.",
            path="user",
            close=4003,
        )
    return name


def check_room_name(name: str, example: Mapping[str, Json] | None = None) -> str:
    """Return ``name``. Raise `Rejected` ``invalid`` where no room may be called so."""
    if not name or len(name) > MAX_ROOM_NAME or not name.isprintable() or any(map(str.isspace, name)):
        raise Rejected(
            "invalid",
            f"A room name has 1 to {MAX_ROOM_NAME} visible characters and no space.",
            path="room",
            example=example,
        )
    return name


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether ``name`` matches one of the shell-style ``patterns``."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def guest_name(taken: Container[str]) -> str:
    """A friendly name that nobody online has."""
    for digits in range(2, 20):
        for _ in range(8):
            name = f"{random.choice(_ADJECTIVES)}-{random.choice(_ANIMALS)}-{random.randrange(10**digits)}"  # noqa: S311
            if name not in taken:
                return name
    raise AssertionError("unreachable: a random number of 19 digits was taken eight times")
