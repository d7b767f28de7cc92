from pathlib import Path
from typing import Annotated, Literal

import pytest
from hubbub.core.config import (
    LoadedConfig,
    load_config,
    validate_options,
)
from hubbub.core.config_errors import ConfigError
from hubbub.core.config_source import Source, read_source
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def load(text: str, **env: str) -> LoadedConfig:
    Path("config.yaml").write_text(text, "utf-8")
    return load_config(Path("config.yaml"), env)


def mistakes(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **env)
    return str(caught.value).splitlines()


class Limit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: int = Field(default=10, ge=1)


class RateLimitOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: int = Field(default=10, ge=1, description="events that a user may send")
    seconds: float = Field(default=60.0, gt=0)
    types: dict[str, int | Limit] = Field(default_factory=dict[str, int | Limit])
    per: Literal["user", "connection"] = "user"
    names: list[Annotated[str, Field(min_length=2)]] = Field(default_factory=list[str], max_length=2)


class AuthOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    issuer: str = Field(description="who signs the tokens")
    pin: int = 0
    secret: SecretStr = SecretStr("")

    @field_validator("issuer")
    @classmethod
    def _known(cls, issuer: str) -> str:
        if "." not in issuer:
            raise ValueError(f"{issuer} is not the name of a host")
        return issuer

    @model_validator(mode="after")
    def _together(self) -> "AuthOptions":
        if self.pin == 13:
            raise ValueError(f"13 does not go with {self.secret.get_secret_value()}")
        return self


def option_mistakes(model: type[BaseModel], options: str, **env: str) -> list[str]:
    Path("config.yaml").write_text(f"plugins:\n  own: {options}\n", "utf-8")
    source = read_source(Path("config.yaml"), env)
    plugins = source.data["plugins"]
    assert isinstance(plugins, dict)
    with pytest.raises(ConfigError) as caught:
        validate_options(model, plugins["own"], source, ("plugins", "own"))  # type: ignore[index]
    assert caught.value.__suppress_context__
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("server: {port: abc}", "server.port: expected a whole number from 0 to 65535, got 'abc'."),
        ("server: {port: 70000}", "server.port: expected a whole number from 0 to 65535, got 70000."),
        ("server: {port: 1.5}", "server.port: expected a whole number from 0 to 65535, got 1.5."),
        ("server: {port: }", "server.port: expected a whole number from 0 to 65535, got nothing."),
        ("server: {port: yes}", "server.port: expected a whole number from 0 to 65535, got true."),
        ("server: {port: [1]}", "server.port: expected a whole number from 0 to 65535, got a list."),
        ("server: {port: {a: 1}}", "server.port: expected a whole number from 0 to 65535, got keys with values."),
        (
            "server: {hook_timeout: 0}",
            "server.hook_timeout: expected a number greater than 0, got 0. Seconds that",
        ),
        ("server: {hook_timeout: .nan}", "server.hook_timeout: expected a number greater than 0, got nan."),
        ("server: {drain_timeout: .inf}", "server.drain_timeout: expected a number of at least 0, got inf."),
        (
            "server: {max_frame_size: 5 apples}",
            "server.max_frame_size: expected a size in bytes from 128 bytes to 64MiB, such as 65536, 64KiB or "
            "1MiB, got '5 apples'. Bytes in one frame",
        ),
        (
            "server: {max_frame_size: 1GiB}",
            "server.max_frame_size: expected a size in bytes from 128 bytes to 64MiB",
        ),
        (
            "server: {max_frame_size: yes}",
            "server.max_frame_size: expected a size in bytes from 128 bytes to 64MiB",
        ),
        ("server: {host: 5}", "server.host: expected text, got 5. Put it in quotes to make it text."),
        ("server: {host: ''}", "server.host: expected text that is not empty, got ''."),
        (
            "server: {path: ws}",
            "server.path: expected a path such as /ws: a slash, then letters, digits and any of ._~-, got 'ws'.",
        ),
        ("server: {prot: 5}", "server.prot: unknown key. Did you mean 'port'? Known keys: host, port, path,"),
        (
            "server: {Max-Rooms-Per-Connection: 5}",
            "server.Max-Rooms-Per-Connection: unknown key. Did you mean 'max_roo",
        ),
        ("server: 5", "server: expected keys with values, got 5."),
        (
            "srever: {}",
            "srever: unknown key. Did you mean 'server'? Known keys: server, rooms, plugins, api, logging.",
        ),
        (
            "zzz: {}",
            "zzz: unknown key. If it is a plugin, put it under 'plugins:', indented. Known keys: server,",
        ),
        ("plugins: [chat]", "plugins: expected keys with values, got a list."),
        ("plugins: {chat: x}", "plugins.chat: expected options (keys with values), true or false, got 'x'."),
        (
            "logging: {level: wraning}",
            "logging.level: expected one of debug, info, warning, error, got 'wraning'. Did yo",
        ),
        ("logging: {access: maybe}", "logging.access: expected true or false, got 'maybe'."),
        ("rooms: {default: no}", "rooms.default: expected text, got false. Put it in quotes to make it text."),
        (
            "rooms: {options: {a: {conflate: b}}}",
            "rooms.options.a.conflate: unknown key. Did you mean 'conflate_b",
        ),
        ("rooms: {options: {a: {conflate_by: 5}}}", "rooms.options.a.conflate_by: expected text, got 5."),
        (
            "rooms: {options: {a: {max_members: 0}}}",
            "rooms.options.a.max_members: expected a whole number of at least 1",
        ),
    ],
)
def test_a_mistake_says_what_was_expected_and_what_stands_there(text: str, mistake: str) -> None:
    (told,) = mistakes(text)
    assert told.startswith(f"config.yaml:1: {mistake}")


def test_a_value_cannot_forge_a_line_or_fill_the_screen() -> None:
    (told,) = mistakes('server: {port: "\\n\\e[2Jconfig.yaml:1: fine"}')
    assert "\x1b" not in told
    (told,) = mistakes("server: {port: " + "x" * 10_000 + "}")
    assert len(told) < 300
    (told,) = mistakes('"a\\nb": 1')
    assert told.startswith("config.yaml:1: 'a\\nb': unknown key.")


def test_good_options_become_the_model_of_the_plugin() -> None:
    options = validate_options(
        RateLimitOptions, {"types": {"typing": 5, "message": {}}}, Source("x"), ("plugins", "a")
    )
    assert options.types == {"typing": 5, "message": Limit(messages=10)}


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        (
            "{mesages: 5}",
            "own.mesages: unknown key. Did you mean 'messages'? Known keys: messages, seconds, types, per,",
        ),
        (
            "{messages: 0}",
            "own.messages: expected a whole number of at least 1, got 0. Events that a user may send.",
        ),
        ("{types: {a: b}}", "own.types.a: expected a whole number or keys with values, got 'b'."),
        (
            "{types: {a: {mesages: 1}}}",
            "own.types.a.mesages: unknown key. Did you mean 'messages'? Known keys: messages.",
        ),
        ("{types: {a: {messages: 0}}}", "own.types.a.messages: expected a whole number of at least 1, got 0."),
        ("{per: usr}", "own.per: expected one of user, connection, got 'usr'. Did you mean 'user'?"),
        ("{names: [a]}", "own.names[0]: expected text of at least 2 characters, got 'a'."),
        ("{names: [aa, bb, cc]}", "own.names: expected at most 2 entries, got a list."),
    ],
)
def test_a_mistake_in_options_reads_the_same(options: str, mistake: str) -> None:
    (told,) = option_mistakes(RateLimitOptions, options)
    assert told.startswith(f"config.yaml:2: plugins.{mistake}")


def test_a_missing_option_says_what_it_is() -> None:
    assert option_mistakes(AuthOptions, "{}") == [
        "config.yaml:2: plugins.own.issuer: is missing, and has no default. Who signs the tokens."
    ]


def test_what_a_validator_of_the_plugin_says_is_told() -> None:
    assert option_mistakes(AuthOptions, "{issuer: me}") == [
        "config.yaml:2: plugins.own.issuer: me is not the name of a host."
    ]


def test_overrides_by_room_are_told_at_their_own_place() -> None:
    source = load(
        "plugins: {a: }\nrooms:\n  options:\n    x-*:\n      plugins:\n        a:\n          per: z\n"
    ).source
    at = ("rooms", "options", "x-*", "plugins", "a")
    with pytest.raises(
        ConfigError, match=r"^config\.yaml:7: rooms\.options\.x-\*\.plugins\.a\.per: expected one of"
    ):
        validate_options(RateLimitOptions, {"per": "z"}, source, at)


def test_secrets_are_never_repeated() -> None:
    told = [
        *option_mistakes(AuthOptions, "{issuer: !env S, pin: !env S, secret: [hunter2]}", S="hunter2"),
        *option_mistakes(AuthOptions, "{issuer: a.b, pin: 13, secret: !env S}", S="hunter2"),
        *option_mistakes(AuthOptions, "{issuer: a.b, pin: 13, secret: hunter2}"),
        *option_mistakes(AuthOptions, "{issuer: a.b, pin: 'https://me:hunter2@host'}"),
        *mistakes("server: {port: !env S}", S="hunter2"),
        *mistakes("server: {access_token: hunter2, port: 1, password: {hunter: hunter2}}"),
    ]
    assert len(told) == 9
    assert "hunter2" not in " ".join(told)
    assert "expected a whole number, got a value that is not shown." in told[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "plugins:\nchat:\n",
            "config.yaml:2: chat: unknown key. If it is a plugin, put it under 'plugins:', indented.",
        ),
        ("server:\nport: 80\n", "config.yaml:2: port: unknown key. It belongs under 'server:', indented."),
        (
            "server:\n  default: hall\n",
            "config.yaml:2: server.default: unknown key. It belongs under 'rooms:', indented.",
        ),
        (
            "rooms: {options: {a: {chat: {}}}}\n",
            "unknown key. If it is a plugin, put it under 'plugins:', indented.",
        ),
        (
            "plugins:\n  chat:\n  messages: 5\n",
            "got 5. If it is an option of the plugin above, indent it further.",
        ),
        ("server:\n  port:8000\n", "got 'port:8000'. Put a ':' and a space between a key and its value."),
        ("server:\n\u00a0 port: 8000\n", "something that is no plain space. Indent with plain spaces."),
        (
            "server: {secret: short}\n",
            "server.secret: expected text of at least 16 characters, got a value that is not",
        ),
        ("plugins:\n  - chat\n", "expected keys with values, got a list. Write 'name:' in place of '- name'."),
        (
            "server: {origins: 'https://a.example'}\n",
            "got 'https://a.example'. Put it in brackets to make it a list: ['https://a.example'].",
        ),
        ("server: {port: '${PORT}'}\n", "got '${PORT}'. Variables are named by a tag: !env PORT."),
        ("server: {lease: 1.5min}\n", "got '1.5min'. Times are seconds, without a unit: 90."),
        ("server: {lease: 5000ms}\n", "got '5000ms'. Times are seconds, without a unit: 5."),
        (
            "server: {host: 'http://0.0.0.0'}\n",
            "expected an address or a name such as 0.0.0.0, without a scheme or",
        ),
        (
            "server: {host: '0.0.0.0:80'}\n",
            "expected an address or a name such as 0.0.0.0, without a scheme or a port",
        ),
        (
            "server: {path: ws}\n",
            "expected a path such as /ws: a slash, then letters, digits and any of ._~-, got 'ws'.",
        ),
    ],
)
def test_what_people_get_wrong_first_is_answered_with_what_to_write(text: str, said: str) -> None:
    (mistake,) = mistakes(text)
    assert said in mistake


@pytest.mark.parametrize("host", ["::", "::1", "fe80::1%eth0", "localhost", "chat_1.example.com", "10.0.0.1"])
def test_a_host_may_be_any_address_or_name(host: str) -> None:
    assert load(f"server: {{host: '{host}'}}\n").config.server.host == host
