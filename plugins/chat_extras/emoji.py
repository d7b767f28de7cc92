"""What can stand as a reaction: an emoji, or a short word such as ``:tada:``."""

from __future__ import annotations

from unicodedata import category

LONGEST_EMOJI = 32
"""Characters: a family of four with their skins has 11, the flag of Wales 7."""

_JOINERS = frozenset({0x200C, 0x200D, *range(0xE0020, 0xE0080)})
"""What makes one emoji of several (Unicode Technical Standard 51): joiners, and the tags of some flags."""

_NEW = "Cn"
"""An emoji that is younger than Python's tables."""


def is_emoji_or_word(text: str) -> bool:
    """Whether it shows something and plays no tricks: no space, no controls, no turn of the writing direction."""
    kinds = {category(each) for each in text if ord(each) not in _JOINERS}
    shows = {kind for kind in kinds if kind[0] in "LNPS" or kind == _NEW}
    return bool(shows) and all(kind[0] == "M" for kind in kinds - shows)
