import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from typing import Literal, cast

import pytest
import structlog
from hubbub.core.config import LoggingConfig
from hubbub.core.logs import configure_logging, current_connection, mask
from hypothesis import given
from hypothesis import strategies as st

Format = Literal["auto", "text", "json"]
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets")


@dataclass
class Someone:
    id: str
    user: str


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    loggers = [logging.getLogger(name) for name in UVICORN]
    states = [(logger, logger.level, list(logger.filters)) for logger in loggers]
    yield
    root.handlers[:], root.level = handlers, level
    for logger, level, filters in states:
        logger.setLevel(level)
        logger.filters[:] = filters
    logging.captureWarnings(False)
    structlog.reset_defaults()


def logged(say: Callable[[logging.Logger], object], form: Format = "json", **options: object) -> str:
    # pytest's own handlers raise where ours must not.
    logging.getLogger().handlers.clear()
    stream = io.StringIO()
    configure_logging(LoggingConfig.model_validate({"format": form, **options}), stream)
    say(logging.getLogger("hubbub.plugins.example"))
    return stream.getvalue()


def as_json(say: Callable[[logging.Logger], object], **options: object) -> dict[str, object]:
    lines = logged(say, "json", **options).splitlines()
    assert len(lines) == 1
    return cast("dict[str, object]", json.loads(lines[0]))


def on_behalf_of(connection: Someone, say: Callable[[], object]) -> None:
    def speak() -> None:
        current_connection.set(connection)
        say()

    copy_context().run(speak)


def fail(log: logging.Logger, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("it failed")


def test_a_json_line_says_when_how_important_who_and_what() -> None:
    line = as_json(lambda log: log.warning("hello %s", "world", extra={"room": "lobby"}))
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "hubbub.plugins.example",
        "event": "hello world",
        "room": "lobby",
    }


def test_connection_and_user_stand_on_the_lines_of_a_connection_alone() -> None:
    def say(log: logging.Logger) -> None:
        on_behalf_of(Someone("c1", "alice"), lambda: log.info("inside"))
        log.info("outside")

    inside, outside = (json.loads(line) for line in logged(say).splitlines())
    assert (inside["connection"], inside["user"]) == ("c1", "alice")
    assert "connection" not in outside
    assert "user" not in outside


def test_what_is_logged_with_extra_cannot_replace_the_connection_or_the_event() -> None:
    def say(log: logging.Logger) -> None:
        on_behalf_of(Someone("c1", "alice"), lambda: log.info("inside", extra={"user": "bob", "event": 5}))

    line = as_json(say)
    assert (line["event"], line["user"]) == ("inside", "alice")
    assert (line["event_"], line["user_"]) == (5, "bob")


def test_the_readable_form_names_event_logger_connection_and_user() -> None:
    def say(log: logging.Logger) -> None:
        on_behalf_of(Someone("c1", "alice"), lambda: log.info("hello"))

    text = logged(say, "text")
    for part in ("info", "hello", "hubbub.plugins.example", "connection=c1", "user=alice"):
        assert part in text
    assert "\x1b" not in text


def test_auto_is_readable_on_a_terminal_and_json_elsewhere() -> None:
    for stream, is_json in ((Terminal(), False), (io.StringIO(), True)):
        configure_logging(LoggingConfig(), stream)
        logging.getLogger("x").info("hello")
        assert stream.getvalue().startswith("{") is is_json


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, coloured in ((None, True), ("1", False)):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if value:
            monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        configure_logging(LoggingConfig(), stream)
        logging.getLogger("x").info("hello")
        assert ("\x1b[" in stream.getvalue()) is coloured


def test_the_level_is_respected() -> None:
    assert logged(lambda log: log.info("hello"), level="warning") == ""
    assert logged(lambda log: log.debug("hello"), level="debug") != ""


def test_a_second_configuration_replaces_the_first_and_leaves_the_handlers_of_others() -> None:
    others = logging.NullHandler()
    logging.getLogger().addHandler(others)
    first, second = io.StringIO(), io.StringIO()
    configure_logging(LoggingConfig(), first)
    configure_logging(LoggingConfig(), second)
    logging.getLogger("x").info("hello")
    assert first.getvalue() == ""
    assert second.getvalue().count("hello") == 1
    assert others in logging.getLogger().handlers


def test_a_traceback_is_one_field_of_a_json_line() -> None:
    line = as_json(lambda log: fail(log, "evil\n{}"))
    assert str(line["exception"]).startswith("Traceback (most recent call last):\n")
    assert str(line["exception"]).endswith("ValueError: evil\n{}")


def test_a_stack_is_one_field_of_a_json_line() -> None:
    assert "Stack (most recent call last)" in str(as_json(lambda log: log.info("x", stack_info=True))["stack"])


def test_an_exception_logged_where_there_is_none_is_a_line_like_others() -> None:
    assert "exception" not in as_json(lambda log: log.error("hello", exc_info=True))


def test_a_traceback_cannot_forge_a_line_in_the_readable_form() -> None:
    text = logged(lambda log: fail(log, "evil\n2026-01-01 00:00:00 [info] forged\x1b[2J\r"), "text")
    first, *rest = text.removesuffix("\n").split("\n")
    assert "it failed" in first
    assert all(line.startswith("    ") for line in rest)
    assert not set(text) & {"\x1b", "\r"}


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_whatever_is_logged_is_one_printable_line(event: str, value: str) -> None:
    def say(log: logging.Logger) -> None:
        on_behalf_of(Someone("c1", value), lambda: log.info(event, extra={"said": [value], value or "x": event}))

    text = logged(say, "text")
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    line = as_json(say)
    assert line["connection"] == "c1"
    assert json.dumps(line).encode()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_is_lost_because_it_cannot_be_formatted(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    def say(log: logging.Logger) -> None:
        log.info("%s and %s", "one")
        log.info(
            "odd %s", "x", extra={"a": Unprintable(), "b": 10**5000, "c": float("nan"), "d": {1: {(2,): b""}}}
        )
        log.info(Unprintable())

    text = logged(say, form)
    assert len(text.splitlines()) == 3
    assert "%s and %s (this line could not be formatted: TypeError)" in text
    assert "<Unprintable that cannot be shown>" in text
    assert capsys.readouterr().err == ""


def test_a_value_that_holds_itself_is_logged() -> None:
    ring: list[object] = []
    ring.append(ring)
    assert "..." in logged(lambda log: log.info("ring", extra={"ring": ring}))


def test_characters_that_the_stream_cannot_hold_are_escaped() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, "ascii")
    configure_logging(LoggingConfig(format="text"), stream)
    logging.getLogger("x").info("café")
    stream.flush()
    assert b"caf\\xe9" in written.getvalue()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /ws?token=abc.def&since=4 HTTP/1.1", "GET /ws?token=***&since=4 HTTP/1.1"),
        ("/ws?a=1&access_token=abc", "/ws?a=1&access_token=***"),
        ("/ws?%74ok%65N=abc&x=1", "/ws?%74ok%65N=***&x=1"),
        ("/ws?user=a&guest_key=abc", "/ws?user=a&guest_key=***"),
        ("TOKEN=abc", "TOKEN=***"),
        ("/ws?token=a'b,c;d", "/ws?token=***"),
        ("Authorization: Bearer abc.def-g", "Authorization: Bearer ***"),
        ("(b'authorization', b'Bearer abc')", "(b'authorization', b'Bearer ***')"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***"),
        ("hubbub.v1.json, bearer.abc.def, x", "hubbub.v1.json, bearer.***, x"),
        ('{"type":"refresh","token":"abc","id":"1"}', '{"type":"refresh","token":"***","id":"1"}'),
        ('{"token": "a\\"b"}', '{"token": "***"}'),
        (r'"{\"token\": \"abc\"}"', r'"{\"token\": \"***\"}"'),
        ("Refresh(token='a b', id=None)", "Refresh(token='***', id=None)"),
        ("password=hunter2", "password=***"),
        ("the token expired", "the token expired"),
        ("basic checks passed", "basic checks passed"),
    ],
)
def test_tokens_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("form", ["text", "json"])
def test_tokens_are_masked_wherever_they_are_logged(form: Format) -> None:
    def say(log: logging.Logger) -> None:
        log.info("/ws?token=hunter2")
        log.info("%s", "/ws?token=hunter2")
        log.info("x", extra={"url": "/ws?token=hunter2", "token": "hunter2", "data": {"secret": ["hunter2"]}})
        log.info("x", extra={"headers": [(b"authorization", b"Bearer hunter2")]})
        log.info("/ws?token=hunter2 %s %s", "x")
        fail(log, "token=hunter2")
        on_behalf_of(Someone("c1", "token=hunter2"), lambda: log.info("x"))
        structlog.get_logger().info("x", url="/ws?token=hunter2")

    text = logged(say, form)
    assert "***" in text
    assert "hunter2" not in text


def test_lines_of_uvicorn_take_the_same_way() -> None:
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
    logging.getLogger("uvicorn").propagate = False

    def say(_log: logging.Logger) -> None:
        logging.getLogger("uvicorn.error").info("Started [%d]", 5, extra={"color_message": "\x1b[1mStarted"})

    line = as_json(say)
    assert (line["logger"], line["event"]) == ("uvicorn.error", "Started [5]")
    assert "color_message" not in line
    assert not logging.getLogger("uvicorn").handlers


def test_requests_and_handshakes_are_logged_only_where_the_config_asks_for_access() -> None:
    def say(_log: logging.Logger) -> None:
        logging.getLogger("uvicorn.access").info('%s - "%s"', "127.0.0.1:5", "GET /healthz")
        logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "127.0.0.1:5", "/ws?token=abc")
        logging.getLogger("uvicorn.error").info("connection open")

    assert logged(say, access=False) == ""
    text = logged(say, access=True)
    assert len(text.splitlines()) == 3
    assert "token=***" in text


def test_frames_are_not_logged_at_the_level_debug() -> None:
    def say(_log: logging.Logger) -> None:
        logging.getLogger("websockets.server").debug("< TEXT 'a private word'")
        logging.getLogger("uvicorn.error").debug("< TEXT 'a private word'")

    assert logged(say, level="debug") == ""


def test_loggers_of_structlog_take_the_same_way() -> None:
    line = as_json(lambda _log: structlog.get_logger("own").info("hello %s", "you", room="lobby"))
    assert (line["event"], line["room"], line["level"]) == ("hello you", "lobby", "info")


def test_warnings_of_python_are_lines_of_the_log() -> None:
    stream = io.StringIO()
    with warnings.catch_warnings():
        logging.captureWarnings(False)
        configure_logging(LoggingConfig(format="json"), stream)
        warnings.simplefilter("always")
        warnings.warn("look out", stacklevel=1)
        logging.captureWarnings(False)
    assert "look out" in json.loads(stream.getvalue())["event"]
