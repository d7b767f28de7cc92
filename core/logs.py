"""Logging for the whole process: each line says for whom, none shows a token, and none can be forged."""

import logging
from contextvars import ContextVar
from typing import Protocol, TextIO

from .config import LoggingConfig


class LoggedConnection(Protocol):
    """What a log line tells of the connection on whose behalf it was written."""

    @property
    def id(self) -> str:
        """The id of the connection."""
        ...

    @property
    def user(self) -> str:
        """The name of its user."""
        ...


current_connection: ContextVar[LoggedConnection | None] = ContextVar("current_connection", default=None)
"""The connection whose event or hook is being worked on; `None` outside any."""


def configure_logging(config: LoggingConfig, stream: TextIO | None = None) -> None:
    """Send everything that is logged to `stream` (default: stderr), in the form that `config` says."""
    logging.basicConfig(level=config.level.upper(), stream=stream)
