import errno
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hubbub.core.cli import main
from hubbub.core.config import ServerConfig
from hubbub.core.server import CannotListenError, listen

BUILT_IN = ["chat", "presence", "validation", "rate_limit", "heartbeat"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def written(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What a command writes to stdout; where it fails, to stderr."""
    assert main(arguments) == status
    output, errors = capsys.readouterr()
    assert (errors if status == 0 else output) == ""
    return output if status == 0 else errors


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, "version") == f"hubbub {version('hubbub')}\n"


def test_check_says_what_would_run_without_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(capsys, "check").splitlines()
    assert lines[0] == "the built-in config is valid. This would run:"
    assert "  server   http://127.0.0.1:8000/ and ws://127.0.0.1:8000/ws" in lines
    assert [line.split()[2] for line in lines if line.startswith("  plugin ")][:2] == ["chat", "presence"]


def test_check_reads_config_yaml_in_this_folder_or_the_file_that_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("config.yaml").write_text(
        "server:\n  port: 9000\n  max_connections: 5\nrooms:\n  default: hall\n  options:\n    vip-*:\n"
        "      max_members: 5\nplugins:\n  chat:\n  presence:\n    announce: false\n  heartbeat: false\n"
        "logging:\n  level: debug\n"
    )
    said = written(capsys, "check")
    assert said == (
        "config.yaml is valid. This would run:\n"
        "  server   http://127.0.0.1:9000/ and ws://127.0.0.1:9000/ws\n"
        "           max_connections: 5\n"
        "  pages    may connect from the server's own host\n"
        "  proxies  none is trusted: a client's address is that of its socket\n"
        "  room     hall is the default room\n"
        "  rooms    vip-*: {max_members: 5}\n"
        "  plugin   1. chat\n"
        "  plugin   2. presence: announce: false\n"
        "  off      heartbeat\n"
        "  api      off, as no key is under api.keys\n"
        "  logging  debug, auto\n"
    )
    Path("other.yaml").write_text("plugins:\n  chat:\n")
    assert written(capsys, "check", "--config", "other.yaml").startswith("other.yaml is valid.")
    assert written(capsys, "check", "-c", "other.yaml").startswith("other.yaml is valid.")


def test_check_keeps_the_order_of_what_is_decided_by_the_first_that_matches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("config.yaml").write_text(
        'plugins:\n  permissions:\n    rooms:\n      b: {join: users}\n      "*": {join: everyone}\n'
    )
    assert "permissions: rooms: {b: {join: users}, '*': {join: everyone}}\n" in written(capsys, "check")


@pytest.mark.parametrize(
    ("server", "lines"),
    [
        (
            "{origins: ['https://*.example.com'], trusted_proxies: [10.0.0.0/8]}",
            [
                "  pages    may connect from the server's own host, https://*.example.com",
                "  proxies  trusted: 10.0.0.0/8",
            ],
        ),
        (
            "{origins: ['*'], trusted_proxies: [10.0.0.0/8, unix], proxy_protocol: true}",
            [
                "  pages    may connect from any site",
                "  proxies  trusted: 10.0.0.0/8, unix, which must speak the PROXY protocol",
            ],
        ),
    ],
)
def test_check_says_which_pages_and_which_proxies_are_believed(
    capsys: pytest.CaptureFixture[str], server: str, lines: list[str]
) -> None:
    Path("config.yaml").write_text(f"server: {server}\n")
    said = written(capsys, "check").splitlines()
    assert said[2:4] == lines


def test_the_environment_overrides_the_config(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBBUB_SERVER__PORT", "7777")
    assert "http://127.0.0.1:7777/" in written(capsys, "check")


@pytest.mark.parametrize("command", ["check", "plugins", "serve"])
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("server:\n  prot: 1\n", "config.yaml:2: server.prot: unknown key. Did you mean 'port'?"),
        ("plugins:\n  caht:\n", "config.yaml:2: plugins.caht: no such plugin is installed. Did you mean 'chat'?"),
        ("plugins:\n  rate_limit:\n    messages: 0\n", "config.yaml:3: plugins.rate_limit.messages: expected"),
        ("rooms:\n  default: 'two words'\n", "room name"),
        ("a: [", "config.yaml:"),
    ],
)
def test_a_mistake_in_the_config_is_explained_on_stderr(
    capsys: pytest.CaptureFixture[str], command: str, config: str, said: str
) -> None:
    Path("config.yaml").write_text(config)
    errors = written(capsys, command, status=1)
    assert said in errors
    assert "Traceback" not in errors


def test_a_plugin_that_cannot_be_used_is_explained_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Path("typo_plugin.py").write_text(
        "from hubbub.core import Plugin, PluginConfig, hookimpl\n"
        "class Typo(Plugin[PluginConfig]):\n    @hookimpl\n    def check_evnt(self): ...\n"
    )
    Path("config.yaml").write_text("plugins:\n  typo_plugin:Typo:\n")
    assert "the plugin 'typo_plugin:Typo' does not fit the hooks" in written(capsys, "check", status=1)


def test_a_file_that_is_not_there_is_explained_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.yaml" in written(capsys, "check", "-c", "nowhere.yaml", status=1)


def test_a_port_that_is_none_is_explained_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert "server.port" in written(capsys, "serve", "--port", "many", status=1)


def test_nodes_says_that_there_is_one_where_the_broker_is_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, "nodes").startswith("There is only one server with this config")


@pytest.mark.parametrize("number", ["0", "-1", "many", "257"])
def test_a_number_of_workers_that_makes_no_sense_is_a_mistake_in_the_usage(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--workers={number}"])
    assert ended.value.code == 2
    assert f"expected a number from 1 to 256, but got '{number}'" in capsys.readouterr().err


def test_more_than_one_worker_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert "in-memory broker" in written(capsys, "serve", "--workers", "4", status=1)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--fast"], ["check", "--config"]])
def test_a_wrong_use_is_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert "usage: hubbub" in errors


def test_plugins_lists_the_enabled_ones_in_order_and_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    Path("waves.py").write_text(
        "from hubbub.core import Event, Plugin, PluginConfig, hookimpl\n"
        "class Wave(Event, tag='wave'): pass\n"
        "class Waves(Plugin[PluginConfig]):\n"
        '    """Waves back."""\n'
        "    events = (Wave,)\n"
        "    @hookimpl\n    def handle_event(self, event: Wave) -> None: ...\n"
    )
    Path("config.yaml").write_text("plugins:\n  waves:Waves:\n  rate_limit: {messages: 7}\n  chat: false\n")
    enabled, _, off = written(capsys, "plugins").partition("Installed, but off")
    assert enabled.startswith(
        "1. waves:Waves (waves): Waves back.\n     hooks   handle_event\n     events  wave\n"
    )
    assert f"2. rate_limit (hubbub {version('hubbub')}): " in enabled
    assert "     messages: 7   # " in enabled
    assert all(f"   {name} (hubbub " in off for name in BUILT_IN if name != "rate_limit")
    assert "rate_limit" not in off


@pytest.mark.parametrize("command", ["check", "plugins"])
def test_a_secret_is_never_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    Path("service.py").write_text(
        "from hubbub.core import Plugin, PluginConfig\n"
        "class Config(PluginConfig):\n    credential: str\n    url: str\n"
        "class Service(Plugin[Config]): pass\n"
    )
    Path("config.yaml").write_text(
        "plugins:\n  service:Service:\n    credential: !env SERVICE_KEY\n    url: redis://me:hunter22@host/\n"
    )
    monkeypatch.setenv("SERVICE_KEY", "correct-horse")
    said = written(capsys, command)
    assert "credential" in said
    assert "correct-horse" not in said
    assert "hunter22" not in said


def test_check_says_where_no_plugin_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("server: {host: '::1'}\nplugins:\n")
    said = written(capsys, "check")
    assert "  plugin   none: nobody can say anything; list some under 'plugins:', such as chat\n" in said
    assert "  server   http://[::1]:8000/ and ws://[::1]:8000/ws\n" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(-2, "Name or service not known"),
            "there is no such name. Choose another server.host: an address of",
        ),
        (
            OSError(errno.EADDRNOTAVAIL, "no"),
            "Cannot assign requested address. Choose another server.host: an address",
        ),
        (
            PermissionError(errno.EACCES, "no"),
            "Permission denied. Ports below 1024 are the system's: choose another",
        ),
        (
            OSError(errno.EADDRINUSE, "no"),
            "Address already in use. Choose another server.host or server.port, or --po",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_address_that_cannot_be_had_is_answered_with_what_to_choose(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(CannotListenError) as caught:
        listen(ServerConfig(host="chat.example.com", port=80))
    assert str(caught.value).startswith(f"cannot listen on chat.example.com port 80: {said}")


def test_an_option_of_the_command_line_is_named_as_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    said = written(capsys, "serve", "--port", "eight", status=1)
    assert said.startswith("--port: server.port: expected a whole number from 0 to 65535, got 'eight'.")


def test_a_config_of_nearly_the_right_name_is_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yml").write_text("server: {port: 9000}\nplugins: {chat: }\n")
    said = written(capsys, "check", status=1)
    assert said == "config.yml: is not read by itself. Rename it to config.yaml, or name it: --config config.yml\n"
    assert "127.0.0.1:9000" in written(capsys, "check", "--config", "config.yml")


def test_check_tells_of_variables_that_lack_an_underscore(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("config.yaml").write_text("server: {secret: !env HUBBUB_SERVER_SECRET}\nplugins: {chat: }\n")
    for name, value in {
        "SERVER_MAX_CONNECTIONS": "9",
        "PLUGINS_CHAT_WELCOME": "Hi",
        "SERVER_SECRET": "what is taken by name is meant so",
        "SERVER_PORT": "tcp://10.0.0.1:8000",  # As Kubernetes sets it for a service called hubbub-server.
        "SERVICE_HOST": "10.0.0.1",
        "API_KEY": "of one's own",
    }.items():
        monkeypatch.setenv(f"HUBBUB_{name}", value)
    ignored = [line for line in written(capsys, "check").splitlines() if line.startswith("  ignored")]
    assert ignored == [
        "  ignored  the environment variable HUBBUB_PLUGINS_CHAT_WELCOME sets nothing. "
        "Two underscores stand between keys: HUBBUB_PLUGINS__NAME__OPTION",
        "  ignored  the environment variable HUBBUB_SERVER_MAX_CONNECTIONS sets nothing. "
        "Two underscores stand between keys: HUBBUB_SERVER__MAX_CONNECTIONS",
    ]


def test_two_brokers_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("plugins:\n  chat:\n  redis:\n  nats:\n")
    said = written(capsys, "check", status=1)
    assert said.startswith("config.yaml:4: plugins.nats: the plugin 'redis' connects the servers already")
