"""Which names look like each other, after Unicode Technical Standard 39 (security mechanisms).

Two names with the same skeleton can be mistaken for one another. The table has the letters that are drawn alike
in the scripts that are most often mixed; a name with letters of several scripts is suspicious by itself.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from .invisible import INVISIBLE

_PAIRS = (
    "аa вb сc ԁd еe һh іl јj кk ӏl мm нh оo рp ԛq гr ѕs тt уy ѵv ԝw хx "  # Cyrillic
    "αa βb εe ηn ιl κk νv οo ρp τt υu χx ωw "  # Greek
    "øo łl đd ıl il ǃl |l 0o 1l 3e 5s $s @a"  # Latin and signs; a capital i is a small l in many a typeface
)
_LOOKALIKES = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split(" ")})
_ACCENTS = re.compile("[\u0300-\u036f]")  # Not the marks of other scripts: there they tell letters apart.
_TOGETHER = (
    {"LATIN", "HIRAGANA", "KATAKANA", "CJK"},
    {"LATIN", "BOPOMOFO", "CJK"},
    {"LATIN", "HANGUL", "CJK"},
)
_OF_SEVERAL_SCRIPTS = {"MODIFIER", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "VERTICAL"}
"""How the names of letters begin that several scripts share, such as the long vowel of Japanese."""


@lru_cache(maxsize=256)
def skeleton(name: str) -> str:
    """What stays of a name without case, accents, width, spaces and lookalikes: imitations share it."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    visible = INVISIBLE.sub("", _ACCENTS.sub("", folded))
    return visible.translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


def mixes_scripts(name: str) -> bool:
    """Whether the letters come from scripts that no single language writes together."""
    if name.isascii():
        return False
    letters = unicodedata.normalize("NFKC", "".join(filter(str.isalpha, name)))
    scripts = {unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0] for letter in letters} - _OF_SEVERAL_SCRIPTS
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)
