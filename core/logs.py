"""Logging for the whole process: each line says for whom, none shows a token, and none can be forged."""

import json
import logging
import os
import re
import sys
from contextvars import ContextVar
from typing import Protocol, TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

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

_DEEPEST = 5
_HIGHEST_NUMBER = 10**30
_PARTS_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # what uvicorn adds for a formatter of its own
}

# `token=…` up to the end of the word or the quotes, and `"token": "…"`, quoted once or more often.
_NAMED_SECRET = re.compile(
    r"""((?:token|secret|passw(?:or)?d|(?:api|guest)[_-]?key)(?:=|\\*["']\s*:\s*))(?:(\\*["'])(?:(?!\2)(?:\\.|.))*|[^\s&"]+)""",
    re.IGNORECASE | re.DOTALL,
)
# In a URL the letters of a name may be written as %74 and the like: it means the same parameter.
_ESCAPED_NAMES = "|".join(
    "".join(f"(?:{re.escape(each)}|%{ord(each):02x}|%{ord(each.upper()):02x})" for each in word)
    for word in ("token", "secret", "password", "passwd", "api_key", "api-key", "apikey", "guest_key")
)
_ESCAPED_SECRET = re.compile(rf"((?:{_ESCAPED_NAMES})=)[^\s&\"]+", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"""((?:\bbearer[ .]|authorization\W{0,3}[:,=]\W{0,3}(?:basic|digest) )\s*)[^\s,;"'\\]+""", re.IGNORECASE
)
_SECRET_KEY = re.compile(r"token|secret|passw|api[_-]?key|^authorization$|^cookie$", re.IGNORECASE)


def configure_logging(config: LoggingConfig, stream: TextIO | None = None) -> None:
    """Send all that is logged to `stream` (default: stderr), in the form that `config` says.

    May be called again: the last call counts.
    """
    output = sys.stderr if stream is None else stream
    as_text = config.format == "text" or (config.format == "auto" and output.isatty())
    handler = _Handler(output)
    handler.setFormatter(_text_formatter(output) if as_text else _json_formatter())
    root = logging.getLogger()
    for earlier in [earlier for earlier in root.handlers if isinstance(earlier, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    level = logging.getLevelNamesMapping()[config.level.upper()]
    root.setLevel(level)
    logging.captureWarnings(True)
    _tame_uvicorn(level, config.access)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def mask(text: str) -> str:
    """`text` with `***` for tokens, passwords and credentials, such as those in a query string."""
    text = _NAMED_SECRET.sub(lambda found: f"{found[1]}{found[2] or ''}***", text)
    if "%" in text:
        text = _ESCAPED_SECRET.sub(r"\1***", text)
    return _CREDENTIALS.sub(r"\1***", text)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second configuration replaces it and leaves the handlers of others."""


class _Formatter(ProcessorFormatter):
    """Formats every record, also one whose arguments do not fit its text."""

    def __init__(self, processors: list[Processor], encoding: str) -> None:
        super().__init__(processors=processors)
        self._encoding = encoding

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = super().format(record)
        except Exception as error:
            line = super().format(_unfit(record, error))
        return line.encode(self._encoding, "backslashreplace").decode(self._encoding)


def _unfit(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    copy = logging.makeLogRecord({key: record.__dict__[key] for key in ("name", "levelname", "levelno")})
    copy.msg = f"{text} (this line could not be formatted: {type(error).__name__})"
    return copy


def _text_formatter(stream: TextIO) -> logging.Formatter:
    renderer = structlog.dev.ConsoleRenderer(
        colors=stream.isatty() and "NO_COLOR" not in os.environ,
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
    )
    timestamp = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return _Formatter([*_chain(timestamp), _on_one_line, renderer], encoding)


def _json_formatter() -> logging.Formatter:
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return _Formatter([*_chain(timestamp), structlog.processors.JSONRenderer(json.dumps)], "ascii")


def _chain(timestamp: Processor) -> list[Processor]:
    return [
        timestamp,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_connection,
        _add_extra,
        structlog.processors.format_exc_info,
        ProcessorFormatter.remove_processors_meta,
        _in_order,
        _without_secrets,
    ]


def _add_connection(_logger: object, _method: str, line: EventDict) -> EventDict:
    connection = current_connection.get()
    if connection is not None:
        line["connection"] = connection.id
        line["user"] = connection.user
    return line


def _add_extra(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Take over what was logged with `extra=`; a name that the line has already gets a `_`."""
    record: logging.LogRecord = line["_record"]
    if not line["_from_structlog"]:
        for key, value in record.__dict__.items():
            if key not in _PARTS_OF_EVERY_RECORD:
                line[f"{key}_" if key in line else key] = value
    return line


def _in_order(_logger: object, _method: str, line: EventDict) -> EventDict:
    first = ("timestamp", "level", "logger", "event", "connection", "user")
    last = {"stack_info": "stack", "exception": "exception"}
    ordered: EventDict = {key: line.pop(key) for key in first if key in line}
    tail = {name: line.pop(key) for key, name in last.items() if line.get(key)}
    return {**ordered, **line, **tail}


def _without_secrets(_logger: object, _method: str, line: EventDict) -> EventDict:
    return cast(EventDict, _plain(dict(line), _DEEPEST))


def _plain(value: object, depth: int) -> object:
    """`value` as what JSON can hold, secrets masked."""
    if isinstance(value, str):
        # A lone surrogate is no character: not every reader of JSON takes it.
        return mask(value.encode(errors="backslashreplace").decode())
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_HIGHEST_NUMBER < value < _HIGHEST_NUMBER:
        return value
    if depth and isinstance(value, dict):
        entries = cast("dict[object, object]", value)
        return {
            mask(str(key)): "***" if _SECRET_KEY.search(str(key)) else _plain(entry, depth - 1)
            for key, entry in entries.items()
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in cast("list[object]", value)]
    try:
        return mask(repr(value))
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def _on_one_line(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Show control characters instead of sending them; only tracebacks have lines, and theirs are indented."""
    shown: EventDict = {}
    for key, value in line.items():
        if key in ("exception", "stack") and isinstance(value, str):
            shown[key] = "\n".join(f"    {_printable(part)}" for part in value.split("\n"))
        elif value is None or isinstance(value, bool | int | float):
            shown[key] = value
        else:
            shown[_printable(key)] = _printable(value if isinstance(value, str) else repr(value))
    return shown


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


# What uvicorn and websockets say of each handshake, at the same level as of the server's own start and end.
_HANDSHAKE_LINE = re.compile(r"connection (open|closed|rejected)|%s - \"WebSocket %s\"")


def _is_no_handshake(record: logging.LogRecord) -> bool:
    return _HANDSHAKE_LINE.match(str(record.msg)) is None


def _is_no_bad_text(record: logging.LogRecord) -> bool:
    """Uvicorn logs a traceback for each text that is not UTF-8, and anyone can send any number of them."""
    return not str(record.msg).startswith("Invalid UTF-8 sequence received")


def _tame_uvicorn(level: int, access: bool) -> None:
    """Let uvicorn's lines take the way of all others."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        # Below info they write out every frame: what people say to each other has no place in a log.
        logger.setLevel(max(level, logging.INFO))
    errors = logging.getLogger("uvicorn.error")
    errors.addFilter(_is_no_bad_text)
    errors.removeFilter(_is_no_handshake)
    if not access:
        errors.addFilter(_is_no_handshake)
        logging.getLogger("uvicorn.access").setLevel(max(level, logging.WARNING))
