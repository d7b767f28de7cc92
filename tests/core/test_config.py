import os
import string
from pathlib import Path

import pytest
import yaml
from hubbub.core.config import (
    Config,
    LoadedConfig,
    LoggingConfig,
    RoomOptions,
    RoomsConfig,
    ServerConfig,
    load_config,
)
from hubbub.core.config_errors import ConfigError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

SCRATCH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def load(text: str, **env: str) -> LoadedConfig:
    Path("config.yaml").write_text(text, "utf-8")
    return load_config(Path("config.yaml"), env)


def mistakes(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **env)
    return str(caught.value).splitlines()


def test_an_empty_config_is_the_defaults() -> None:
    for text in ("", "server:\nrooms:\n  options:\nplugins:\nlogging:\n"):
        loaded = load(text)
        assert loaded.config == Config()
        assert loaded.path == Path("config.yaml")
    server = Config().server
    assert (server.host, server.port, server.path) == ("127.0.0.1", 8000, "/ws")
    assert (server.max_frame_size, server.max_outgoing_buffer) == (65536, 1048576)


def test_without_a_file_the_built_in_default_is_read() -> None:
    loaded = load_config(None, {"HUBBUB_SERVER__PORT": "0"})
    assert loaded.path is None
    assert loaded.config.server.port == 0
    assert list(loaded.config.plugins)
    assert loaded.source.where(("plugins",)).startswith("the built-in default_config.yaml:")


def test_the_environment_of_this_process_can_be_given_as_it_is() -> None:
    assert isinstance(load_config(None, os.environ), LoadedConfig)


def test_a_config_does_not_change_after_the_start() -> None:
    config = load("").config
    with pytest.raises(ValidationError):
        config.server.port = 5  # type: ignore[misc]


def test_every_key_has_a_description() -> None:
    for model in (Config, ServerConfig, RoomsConfig, RoomOptions, LoggingConfig):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_sizes_may_have_a_unit() -> None:
    server = load("server:\n  max_frame_size: 10kB\n  max_outgoing_buffer: 2MiB\n").config.server
    assert (server.max_frame_size, server.max_outgoing_buffer) == (10_000, 2 * 1024 * 1024)


def test_origins_and_proxies_are_checked_one_by_one() -> None:
    said = mistakes(
        "server:\n  origins:\n    - https://a.example\n    - b.example\n"
        "  trusted_proxies: [10.0.0.5/8, 10.0.0.5, localhost]\n  proxy_protocol: true\n"
    )
    assert [line.split(": ")[:2] for line in said] == [
        ["config.yaml:4", "server.origins[1]"],
        ["config.yaml:5", "server.trusted_proxies[0]"],
        ["config.yaml:5", "server.trusted_proxies[2]"],
    ]
    assert "starts with its scheme" in said[0]
    assert "write 10.0.0.0/8, or 10.0.0.5 for the one address" in said[1]
    assert "Names are not looked up" in said[2]


def test_the_proxy_protocol_needs_somebody_who_is_trusted_to_speak_it() -> None:
    [said] = mistakes("server:\n  proxy_protocol: true\n")
    assert said.startswith(
        "config.yaml:2: server.proxy_protocol: nobody is believed: list in server.trusted_proxies"
    )
    assert load("server:\n  proxy_protocol: true\n  trusted_proxies: [10.0.0.5]\n").config.server.proxy_protocol


def test_plugins_are_on_with_options_or_defaults_or_off_in_their_order() -> None:
    plugins = load("plugins: {d: , c: true, b: {}, a: {x: 1}, e: false}\n").config.plugins
    assert plugins == {"d": {}, "c": {}, "b": {}, "a": {"x": 1}, "e": False}
    assert list(plugins) == ["d", "c", "b", "a", "e"]


def test_levels_and_forms_may_be_in_capitals() -> None:
    assert load("", HUBBUB_LOGGING__LEVEL="DEBUG", HUBBUB_LOGGING__FORMAT="JSON").config.logging.level == "debug"


def test_the_first_pattern_that_matches_a_room_wins() -> None:
    rooms = load(
        "rooms:\n  options:\n    support-vip: {max_members: 1}\n    support-*: {max_members: 2}\n"
    ).config.rooms
    assert rooms.match("support-vip") == ("support-vip", RoomOptions(max_members=1))
    assert rooms.match("support-1") == ("support-*", RoomOptions(max_members=2))
    for other in ("Support-1", "lobby", "x-support-1", ""):
        assert rooms.match(other) == (None, RoomOptions())


def test_a_pattern_matches_a_whole_name_with_any_characters() -> None:
    rooms = RoomsConfig.model_validate({"options": {"a?c": {}, "x*": {}}})
    assert rooms.match("a\nc")[0] == "a?c"
    assert rooms.match("abc\n")[0] is None
    assert rooms.match("x\n\n")[0] == "x*"


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    told = mistakes(
        "server:\n  port: abc\n  host: !env NOWHERE\nplugins:\n  chat: 5\nlogging:\n  level: inf\n",
        HUBBUB_SERVR__PORT="1",
    )
    assert [line.split(": ")[0] for line in told] == [
        "config.yaml:3",
        "config.yaml:2",
        "config.yaml:5",
        "config.yaml:7",
        "environment variable HUBBUB_SERVR__PORT",
    ]


def test_options_by_room_of_a_plugin_that_is_not_listed_are_told() -> None:
    text = "plugins: {rate_limit: {}}\nrooms:\n  options:\n    a-*:\n      plugins:\n        rate_limt: {}\n"
    assert mistakes(text) == [
        "config.yaml:6: rooms.options.a-*.plugins.rate_limt: no plugin of this name is under 'plugins:'. "
        "Did you mean 'rate_limit'?"
    ]


def test_a_wrong_variable_is_called_by_its_name() -> None:
    assert mistakes("server: {port: 1}", HUBBUB_SERVER__PORT="abc")[0].startswith(
        "environment variable HUBBUB_SERVER__PORT: server.port: expected a whole number from 0 to 65535, got 'abc'"
    )
    assert mistakes("", HUBBUB_SERVR__PORT="1")[0].startswith(
        "environment variable HUBBUB_SERVR__PORT: servr: unknown key. Did you mean 'server'?"
    )
    assert mistakes("", HUBBUB__PORT="1")[0].startswith("environment variable HUBBUB__PORT: _port: unknown key.")


YAMLISH = st.lists(
    st.sampled_from(
        [
            "a",
            "server",
            "plugins",
            "port",
            ":",
            ": ",
            "\n",
            "\n  ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a",
            "*a",
            "<<",
            "!env A",
            "!file x",
            "!",
            "'",
            '"',
            "|",
            ">",
            "?",
            "#",
            "---",
            "%",
            "5",
            "null",
        ]
    )
    | st.sampled_from([",", "no", "1e9", "\t", "\\", "!!int", "!!float", "!!bool", "\x00", " "]),
    max_size=40,
).map("".join)


def config_or_mistakes(text: str, env: dict[str, str]) -> None:
    Path("config.yaml").write_text(text, "utf-8", errors="replace")
    try:
        load_config(Path("config.yaml"), env)
    except ConfigError as error:
        problems, told = error.problems, str(error)
    else:
        return
    assert problems
    assert all(problem.place and problem.text for problem in problems)
    assert len(told.splitlines()) == len(problems)


@SCRATCH
@given(st.text() | YAMLISH)
def test_any_text_is_a_config_or_a_list_of_mistakes(text: str) -> None:
    config_or_mistakes(text, {})


@SCRATCH
@given(st.text(st.characters(exclude_categories=[])) | YAMLISH, st.text(string.ascii_uppercase + "_", max_size=12))
def test_any_variable_gives_a_config_or_a_list_of_mistakes(value: str, name: str) -> None:
    for key in ("HUBBUB_SERVER__HOST", "HUBBUB_ROOMS__OPTIONS", "HUBBUB_PLUGINS__A", f"HUBBUB_{name}__{name}"):
        config_or_mistakes("plugins: {a: {}}", {key: value, "A": "b"})


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=12,
)
KNOWN = [
    "server",
    "rooms",
    "plugins",
    "logging",
    "port",
    "max_frame_size",
    "hook_timeout",
    "options",
    "max_members",
    "level",
]
SECTIONS = st.dictionaries(st.sampled_from(KNOWN), TREES | st.dictionaries(st.sampled_from(KNOWN), TREES))


@SCRATCH
@given(SECTIONS)
def test_any_tree_is_a_config_or_a_list_of_mistakes(tree: dict[str, object]) -> None:
    config_or_mistakes(yaml.safe_dump(tree, allow_unicode=True), {})
