"""Commands that plugins add to ``hubbub``."""

import sys
from pathlib import Path

import pytest
from hubbub.core.cli import main

PLUGIN = '''
"""Counts."""
from argparse import ArgumentParser, Namespace
from hubbub.core import Command, Plugin, PluginConfig, PluginError, hookimpl


class CounterConfig(PluginConfig):
    start: int = 1


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("to", type=int, metavar="TO", help="the last number")


def count(counter: "Counter", options: Namespace) -> int:
    if options.to > 9:
        raise PluginError("it counts no further than 9")
    print(*range(counter.config.start, options.to + 1))
    return 0 if options.to else 3


class Counter(Plugin[CounterConfig]):
    """Counts for people."""

    commands = (Command("count", "count up to a number", count, add_arguments),)
'''


@pytest.fixture(autouse=True)
def _with_a_plugin(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "counter", raising=False)
    Path("counter.py").write_text(PLUGIN)
    Path("config.yaml").write_text("plugins:\n  counter:Counter:\n    start: 3\n")


def test_a_command_runs_with_its_arguments_and_the_options_of_the_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["counter:Counter", "count", "5"]) == 0
    assert capsys.readouterr().out == "3 4 5\n"


def test_the_config_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text("plugins:\n  counter:Counter:\n    start: 4\n")
    assert main(["counter:Counter", "count", "5", "-c", "other.yaml"]) == 0
    assert capsys.readouterr().out == "4 5\n"


def test_its_status_is_the_exit_status() -> None:
    assert main(["counter:Counter", "count", "0"]) == 3


def test_a_plugin_error_is_shown_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["counter:Counter", "count", "10"]) == 1
    assert capsys.readouterr().err == "it counts no further than 9\n"


def test_where_the_plugin_is_off_it_is_said_which_config_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("plugins:\n  chat:\n  counter:Counter: false\n")
    assert main(["counter:Counter", "count", "5"]) == 1
    assert "the plugin 'counter:Counter' is not on in config.yaml" in capsys.readouterr().err
    Path("config.yaml").unlink()
    assert main(["counter:Counter", "count", "5"]) == 1
    assert "not on in the built-in config" in capsys.readouterr().err


def test_a_mistake_in_the_config_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("plugins:\n  counter:Counter:\n    strat: 3\n")
    assert main(["counter:Counter", "count", "5"]) == 1
    assert "Did you mean 'start'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["counter:Counter"], "the following arguments are required: COMMAND"),
        (["counter:Counter", "cuont"], "invalid choice: 'cuont'"),
        (["counter:Counter", "count", "many"], "argument TO: invalid int value: 'many'"),
        (["counter"], "invalid choice: 'counter'"),
        (["chat", "say"], "invalid choice: 'chat'"),
    ],
    ids=str,
)
def test_a_wrong_use_is_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_help_lists_what_installed_plugins_add(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "serve" in said
    assert "history   commands of the history plugin: rooms, export, import" in said


def test_no_plugin_is_imported_for_a_command_of_the_core(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("plugins were looked for")

    monkeypatch.setattr("hubbub.core.plugin_commands.installed_plugins", fail)
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("hubbub ")
