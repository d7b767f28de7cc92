"""What is wrong with a plugin, told to the people who run it and to its author."""

from __future__ import annotations

import traceback
from pathlib import Path

MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
"""Exceptions whose text says little without their type and place."""


class PluginError(Exception):
    """A plugin that cannot be used as it is: the message names it, the hook, and what to change."""


def told(error: Exception) -> str:
    """An exception of a plugin in short: a sentence as it is, a mistake with its type and place."""
    text = str(error)
    return text if text and not isinstance(error, MISTAKES) else told_with_place(error)


def told_with_place(error: Exception) -> str:
    """The type of an exception, its text, and the line of the plugin or its libraries where it arose."""
    here = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", here))  # `<frozen importlib._bootstrap>` is nobody's mistake.
    ]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = str(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"
