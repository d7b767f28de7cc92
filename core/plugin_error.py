"""What is wrong with a plugin, told to the people who run it and to its author."""

from __future__ import annotations

import sysconfig
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


def told_with_place(error: BaseException) -> str:
    """The type of an exception, its text, and the line of the plugin or its libraries where it arose."""
    lines = [
        f" ({Path(frame.filename).name}, line {frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
        if not _is_ours_or_pythons(frame.filename)
    ]
    text = str(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}{lines[-1] if lines else ''}"


def _is_ours_or_pythons(file: str) -> bool:
    if file.startswith(("<", str(Path(__file__).parent))):  # `<frozen importlib._bootstrap>`
        return True
    return file.startswith(sysconfig.get_path("stdlib")) and "site-packages" not in file
