from pathlib import Path

import pytest
from hubbub.core.config_errors import ConfigError
from hubbub.core.config_source import Source, read_source

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def read(text: str, **env: str) -> Source:
    Path("config.yaml").write_text(text, "utf-8")
    return read_source(Path("config.yaml"), env)


def mistakes(text: str, **env: str) -> str:
    try:
        source = read(text, **env)
    except ConfigError as error:
        return str(error)
    return str(ConfigError(source.problems))


def test_env_and_file_tags_keep_secrets_out_of_the_file() -> None:
    Path("key").write_bytes(b"hunter2\n\r\n")
    Path("crlf").write_bytes(b"hunter2\r\n")
    source = read("a: !env KEY\nb: !file key\nc: !file crlf\nd: [!env KEY]\n", KEY="0123")
    assert source.data == {"a": "0123", "b": "hunter2\n", "c": "hunter2", "d": ["0123"]}
    assert all(source.is_secret(path) for path in (("a",), ("b",), ("d", 0)))
    assert source.mask("got hunter2, 0123") == "got ***, ***"


def test_files_are_found_beside_the_config_file(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "key").write_text("hunter2")
    (folder / "config.yaml").write_text("a: !file key\n")
    assert read_source(folder / "config.yaml", {}).data == {"a": "hunter2"}


def test_a_missing_variable_or_file_names_key_line_and_remedy() -> None:
    Path("binary").write_bytes(b"\xff")
    Path("folder").mkdir()
    told = mistakes(
        "plugins:\n  auth:\n    key: !env AUTH_KEY\n    cert: !file nowhere\n"
        "    x: !file folder\n    y: !file binary\n"
    ).splitlines()
    assert told[0] == (
        "config.yaml:3: plugins.auth.key: the environment variable 'AUTH_KEY' that !env names is not set. "
        "Set it first."
    )
    assert told[1].startswith("config.yaml:4: plugins.auth.cert: cannot read the file 'nowhere'")
    assert told[2].startswith("config.yaml:5: plugins.auth.x: cannot read the file 'folder'")
    assert told[3] == "config.yaml:6: plugins.auth.y: the file 'binary' is not UTF-8 text."


def test_an_endless_file_is_not_read_whole() -> None:
    assert "is longer than" in mistakes("a: !file /dev/zero\n")
    with pytest.raises(ConfigError):
        read_source(Path("/dev/zero"), {})


def test_variables_override_and_keep_the_order() -> None:
    source = read(
        "plugins:\n  rate_limit: {messages: 10, seconds: 60}\n  chat:\n",
        HUBBUB_PLUGINS__RATE_LIMIT__MESSAGES="20",
        HUBBUB_PLUGINS__CHAT="{welcome: hi}",
        HUBBUB_PLUGINS__TYPING__SECONDS="3",
        HUBBUB_ROOMS__DEFAULT="hall",
        HUBBUB_SERVER__PORT="9000",
    )
    assert source.data == {
        "plugins": {
            "rate_limit": {"messages": 20, "seconds": 60},
            "chat": {"welcome": "hi"},
            "typing": {"seconds": 3},
        },
        "rooms": {"default": "hall"},
        "server": {"port": 9000},
    }
    assert list(source.data["plugins"]) == ["rate_limit", "chat", "typing"]  # type: ignore[call-overload]
    assert source.where(("server", "port")) == "environment variable HUBBUB_SERVER__PORT"
    assert source.where(("plugins", "chat", "welcome")) == "environment variable HUBBUB_PLUGINS__CHAT"
    assert source.where(("plugins", "typing")) == "environment variable HUBBUB_PLUGINS__TYPING__SECONDS"
    assert source.where(("plugins", "rate_limit", "seconds")) == "config.yaml:2"


def test_variables_without_a_double_underscore_are_not_ours() -> None:
    env = {"HUBBUB_PORT": "tcp://10.0.0.1:80", "HUBBUB_SERVICE_HOST": "10.0.0.1", "HUBBUB_PORT_80_TCP_ADDR": "x"}
    assert read("", **env, OTHER__THING="1", HUBBUB="[").data == {}


def test_variables_match_keys_of_any_case_and_with_hyphens() -> None:
    source = read("plugins:\n  Slow-Mode: {Seconds: 1}\n", HUBBUB_PLUGINS__SLOW_MODE__SECONDS="2")
    assert source.data == {"plugins": {"Slow-Mode": {"Seconds": 2}}}


def test_a_variable_for_the_whole_is_applied_before_one_for_a_part() -> None:
    source = read("", HUBBUB_PLUGINS__A__X="1", HUBBUB_PLUGINS__A="{x: 0, y: 0}")
    assert source.data == {"plugins": {"a": {"x": 1, "y": 0}}}


def test_a_variable_takes_tags_and_is_secret_then() -> None:
    Path("key").write_text("hunter2\n")
    source = read("", HUBBUB_PLUGINS__AUTH__CERT="!file key", HUBBUB_PLUGINS__AUTH__X="!env Y", Y="y")
    assert source.data == {"plugins": {"auth": {"cert": "hunter2", "x": "y"}}}
    assert source.is_secret(("plugins", "auth", "cert"))


def test_a_secret_that_is_overridden_is_no_secret_any_more() -> None:
    source = read("a: {b: !env X}\n", X="hunter2", HUBBUB_A__B="5")
    assert not source.is_secret(("a", "b"))


def test_a_variable_that_is_not_yaml_is_told_and_never_repeated() -> None:
    for value in ("[hunter2", "*hunter2", "!hunter2", "@hunter2", "a: hunter2: b", "'hunter2", "\udcff"):
        told = mistakes("", HUBBUB_PLUGINS__AUTH__SECRET=value)
        assert told.startswith("environment variable HUBBUB_PLUGINS__AUTH__SECRET: plugins.auth.secret: ")
        assert "in quotes" in told or "needs quotes" in told
        assert "hunter2" not in told


def test_a_variable_below_a_plugin_that_the_file_switches_off_is_told() -> None:
    told = mistakes("plugins:\n  chat: false\n", HUBBUB_PLUGINS__CHAT__X="1")
    assert told == (
        "environment variable HUBBUB_PLUGINS__CHAT__X: plugins.chat: is switched off at config.yaml:2. "
        "Remove that line, or unset this variable."
    )


def test_a_plugin_that_a_variable_switches_off_stays_off() -> None:
    source = read("plugins: {chat: {}}", HUBBUB_PLUGINS__CHAT="false", HUBBUB_PLUGINS__CHAT__X="1")
    assert source.data == {"plugins": {"chat": False}}
    assert source.problems == []


def test_a_plugin_without_options_takes_them_from_variables() -> None:
    assert read("plugins: {chat: true}", HUBBUB_PLUGINS__CHAT__X="1").data == {"plugins": {"chat": {"x": 1}}}


def test_a_variable_below_a_value_is_told() -> None:
    told = mistakes("server:\n  port: 5\n", HUBBUB_SERVER__PORT__X="1")
    assert told.startswith("environment variable HUBBUB_SERVER__PORT__X: server.port: has no keys below it at")


@pytest.mark.parametrize(
    ("path", "value", "secret"),
    [
        (("plugins", "auth", "jwt_secret"), "x", True),
        (("plugins", "auth", "password"), "x", True),
        (("plugins", "auth", "key"), "x", True),
        (("plugins", "auth", "keys", 0), "x", True),
        (("plugins", "auth", "private_key"), "x", True),
        (("plugins", "permissions", "private"), "everyone", False),
        (("plugins", "redis", "url"), "redis://user:pw@host", True),
        (("plugins", "redis", "url"), "redis://host", False),
        (("plugins", "x", "pem"), "-----BEGIN KEY", True),
        (("server", "host"), "localhost", False),
    ],
)
def test_what_looks_secret_is(path: tuple[str | int, ...], value: str, secret: bool) -> None:
    tree: object = value
    for part in reversed(path):
        tree = {part: tree} if isinstance(part, str) else [tree]
    assert Source("x", data=tree).is_secret(path) is secret  # type: ignore[arg-type]
