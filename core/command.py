"""What a plugin adds to the ``hubbub`` command."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _no_arguments(_: ArgumentParser) -> None:
    """Add none."""


@dataclass(frozen=True, slots=True)
class Command:
    """``hubbub PLUGIN NAME …``, which works where the config enables the plugin, and without a server.

    The options ``-c`` and ``--config`` are there already.
    """

    name: str

    summary: str
    """What the command does, in a few words for ``--help``."""

    run: Callable[[Any, Namespace], int]
    """Does it, with the plugin and the arguments, and returns the exit status.

    The plugin has its ``config``, but was not started, and has no ``manager``. What is raised as `PluginError` is
    shown to the user as it stands, and the exit status is 1 then.
    """

    add_arguments: Callable[[ArgumentParser], None] = _no_arguments
    """Adds the command's own arguments, if it has any."""
