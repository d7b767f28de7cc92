"""Which rooms a pattern means, and whose room each of them is."""

from __future__ import annotations

import re
from fnmatch import translate

OWNER = "{user}"
"""Stands in a pattern for the name of the user whose room it is."""

_MARK = "\ue000"  # Stands for {user} meanwhile: it is not printable, so no pattern has it.
_BRACES = re.compile(r"\[[{}]\]|\{user\}|(\{[^{}]*\}|[{}])")
_WILDCARD = re.compile(r"[*?]|\[!?\]?[^\]]*\]")


class RoomPattern:
    """A shell pattern for the names of rooms, which may have ``{user}`` in it.

    A room belongs to one user at most. Where wildcards follow ``{user}``, the name ends where the text between
    them stands first; where they precede it, the name begins where that text stands last. So nobody gets into
    another's rooms by a well-chosen name.
    """

    def __init__(self, text: str) -> None:
        """Raise `ValueError`, with a sentence for the deployer, where ``text`` cannot be used."""
        _check(text)
        self.has_owner = OWNER in text
        self._match = re.compile(translate(text.replace(OWNER, _MARK)).replace(_MARK, "(.*?)")).match

    def owner_of(self, room: str) -> str | None:
        """The user whose room it is, empty where it is nobody's; None where the pattern does not match it."""
        found = self._match(room)
        if found is None:
            return None
        return found[1] if self.has_owner else ""


def _check(text: str) -> None:
    if not text or not text.isprintable() or any(map(str.isspace, text)):
        raise ValueError("no room has such a name: it would be empty, have a space, or be invisible")
    for found in _BRACES.finditer(text):
        if found[1]:
            raise ValueError(f"{found[1]!r} stands for nothing: only {{user}} does. A plain brace is written [{{]")
    if text.count(OWNER) > 1:
        raise ValueError("{user} stands there twice: a room is that of one user")
    marked = text.replace(OWNER, _MARK)
    place = marked.find(_MARK)
    wildcards = [(found.start(), found.end()) for found in _WILDCARD.finditer(marked)] if place >= 0 else []
    if any(start <= place + 1 and place <= end for start, end in wildcards):
        raise ValueError("put some text between {user} and a wildcard, or it is unknown where the name ends")
    if wildcards and wildcards[0][0] < place < wildcards[-1][0]:
        raise ValueError("have wildcards before {user} or after it, not both, or it is unknown which is the name")
