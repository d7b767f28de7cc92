"""Which characters show nothing, wherever they stand."""

from __future__ import annotations

import re

# Unicode's Default_Ignorable_Code_Point, the space that Braille has, and what is white.
_CHARACTERS = (
    "\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
INVISIBLE = re.compile(f"[{_CHARACTERS}]+")
VISIBLE = re.compile(f"[^{_CHARACTERS}]")
