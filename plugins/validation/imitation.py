"""Which names look like each other, after Unicode Technical Standard 39 (security mechanisms).

Two names with the same skeleton can be mistaken for one another. The table has the letters that are drawn alike
in the scripts that are most often mixed; a name with letters of several scripts is suspicious by itself.
"""

from __future__ import annotations

import unicodedata

_PAIRS = (
    "аa вb сc ԁd еe һh іi јj кk ӏl мm нh оo рp ԛq гr ѕs тt уy ѵv ԝw хx "  # Cyrillic
    "αa βb εe ηn ιi κk νv οo ρp τt υu χx ωw "  # Greek
    "øo łl đd ıi ǃl |l 0o 1l 3e 5s $s @a"  # Latin and signs
)
_LOOKALIKES = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split(" ")})
_TOGETHER = (
    {"LATIN", "HIRAGANA", "KATAKANA", "CJK"},
    {"LATIN", "BOPOMOFO", "CJK"},
    {"LATIN", "HANGUL", "CJK"},
)


def skeleton(name: str) -> str:
    """What stays of a name once case, accents, width and lookalikes are taken away: the same for imitations."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    bare = "".join(character for character in folded if not unicodedata.combining(character))
    return bare.translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


def mixes_scripts(name: str) -> bool:
    """Whether the letters come from scripts that no single language writes together."""
    scripts = {_script(character) for character in name if character.isalpha()}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(" ", 1)[0].removesuffix("-")
