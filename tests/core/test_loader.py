import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubbub.core import Connection, Event, Plugin, PluginConfig, PluginError, hookimpl
from hubbub.core.config import load_config
from hubbub.core.config_errors import ConfigError
from hubbub.core.hub import Hub
from hubbub.core.loader import installed_plugins, load_plugins
from hubbub.core.testing import HubForTests
from pydantic import Field

BUILT_IN = {"chat", "presence", "validation", "rate_limit", "heartbeat"}


class Options(PluginConfig):
    words: list[str] = Field(default=["hello"], min_length=1)
    times: int = Field(default=1, ge=1, le=9, description="how often it is said")


class Says(Plugin[Options]):
    """Says its words to whoever connects."""

    @hookimpl
    def connected(self, connection: Connection) -> None:
        config = self.config_for(connection.room)
        connection.greeting = " ".join(config.words * config.times)


class Wave(Event, tag="wave"):
    pass


class OtherWave(Event, tag="wave"):
    pass


class First(Plugin[PluginConfig]):
    events = (Wave,)


class Second(Plugin[PluginConfig]):
    events = (OtherWave,)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def mistakes(text: str) -> str:
    """What is said of a config that cannot be used."""
    Path("config.yaml").write_text(text)
    with pytest.raises((ConfigError, PluginError)) as caught:
        Hub(load_config(Path("config.yaml"), {}), plugins={"says": Says})
    return str(caught.value)


def test_the_built_in_plugins_are_installed() -> None:
    installed = installed_plugins()
    assert set(installed) >= BUILT_IN
    assert {installed[name].distribution for name in BUILT_IN} == {"hubbub"}


def test_only_what_is_listed_runs_and_in_that_order() -> None:
    with HubForTests({"validation": {}, "chat": {}, "presence": False, "says": {}}, plugins={"says": Says}) as hub:
        assert list(hub.hub.plugins) == ["validation", "chat", "says"]


def test_an_unknown_plugin_lists_the_installed_ones_and_the_nearest() -> None:
    said = mistakes("plugins:\n  chat:\n  rate-limits:\n")
    assert said.startswith("config.yaml:3: plugins.rate-limits: no such plugin is installed.")
    assert "Did you mean 'rate_limit'?" in said
    for name in (*BUILT_IN, "says"):
        assert name in said
    assert "module:Class" in said


def test_every_unknown_plugin_is_named_at_once() -> None:
    assert mistakes("plugins:\n  one:\n  chat:\n  two:\n").count("no such plugin") == 2


def test_a_wrong_option_names_the_file_the_line_and_the_nearest_key() -> None:
    said = mistakes("plugins:\n  chat:\n  says:\n    times: 12\n")
    assert "config.yaml:4: plugins.says.times: expected a whole number from 1 to 9, got 12" in said
    assert "How often it is said." in said
    said = mistakes("plugins:\n  says:\n\n    time: 2\n")
    assert "config.yaml:4: plugins.says.time: unknown key. Did you mean 'times'?" in said


def test_a_wrong_option_for_some_rooms_names_its_own_place() -> None:
    said = mistakes(
        "plugins:\n  says:\nrooms:\n  options:\n    quiet-*:\n      plugins:\n        says: {words: []}\n"
    )
    assert said.startswith("config.yaml:7: rooms.options.quiet-*.plugins.says.words: ")


def test_options_of_some_rooms_override_the_others_and_the_first_pattern_wins() -> None:
    rooms = {
        "options": {
            "quiet-*": {"plugins": {"says": {"words": ["hush"]}}},
            "quiet-loud": {"plugins": {"says": {"words": ["HEY"]}}},
            "other": {"max_members": 5},
        }
    }
    enabled = {"says": {"times": 2}}
    with HubForTests(enabled, plugins={"says": Says}, rooms=rooms) as hub:
        greetings = {
            room: hub.connect("alice", room).receive("system", event="welcome")["message"]
            for room in ("lobby", "quiet-1", "quiet-loud", "other")
        }
        assert greetings == {
            "lobby": "hello hello",
            "quiet-1": "hush hush",
            "quiet-loud": "hush hush",
            "other": "hello hello",
        }


def test_a_plugin_in_a_file_beside_the_config_needs_no_installing() -> None:
    Path("my_greeting.py").write_text(
        "from hubbub.core import Plugin, PluginConfig, hookimpl\n"
        "class Config(PluginConfig):\n    line: str\n"
        "class Nested:\n"
        "    class Greeting(Plugin[Config]):\n"
        "        @hookimpl\n"
        "        def connected(self, connection):\n            connection.greeting = self.config.line\n"
    )
    with HubForTests({"my_greeting:Nested.Greeting": {"line": "Ahoy!"}}) as hub:
        assert hub.connect("alice").receive("system", event="welcome")["message"] == "Ahoy!"
    said = mistakes("plugins:\n  my_greeting:Nested.Greeting:\n")
    assert "config.yaml:2: plugins.my_greeting:Nested.Greeting.line: is missing" in said


def test_a_plugin_that_cannot_be_imported_says_which_and_why() -> None:
    Path("broken_plugin.py").write_text("import no_such_module_anywhere\n")
    said = mistakes("plugins:\n  broken_plugin:Thing:\n")
    assert "plugin 'broken_plugin:Thing' cannot be imported from broken_plugin:Thing" in said
    assert "no_such_module_anywhere" in said
    assert "no_such_file" in mistakes("plugins:\n  no_such_file:Thing:\n")
    Path("half_plugin.py").write_text("x = 1\n")
    assert "has no attribute 'Thing'" in mistakes("plugins:\n  half_plugin:Thing:\n")


def test_a_plugin_that_lacks_what_an_extra_brings_says_what_to_install() -> None:
    Path("acme.py").write_text("import no_such_module_anywhere\n")
    metadata = Path("acme_plugins-1.0.dist-info")
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugins\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[hubbub.plugins]\npush = acme:Push [push, apple]\nplain = acme:Plain\n"
    )
    sys.path.insert(0, str(Path.cwd()))
    assert mistakes("plugins:\n  push:\n") == (
        "the plugin 'push' needs the module 'no_such_module_anywhere', which is not installed: "
        'pip install "acme-plugins[push,apple]"'
    )
    assert "plugin 'plain' cannot be imported from acme:Plain" in mistakes("plugins:\n  plain:\n")


def test_what_is_no_plugin_is_refused() -> None:
    Path("thing_plugin.py").write_text("class Thing: pass\nthing = Thing()\n")
    for name in ("Thing", "thing"):
        assert "is not a subclass of hubbub.core.Plugin" in mistakes(f"plugins:\n  thing_plugin:{name}:\n")


def test_a_plugin_whose_constructor_fails_is_named() -> None:
    Path("fails_plugin.py").write_text(
        "from hubbub.core import Plugin, PluginConfig\n"
        "class Fails(Plugin[PluginConfig]):\n"
        "    def __init__(self, config, overrides=None):\n        raise OSError('no disk')\n"
    )
    assert (
        mistakes("plugins:\n  fails_plugin:Fails:\n") == "the plugin 'fails_plugin:Fails' cannot be made: no disk"
    )


def test_two_owners_of_one_event_type_are_named() -> None:
    with pytest.raises(PluginError, match=r"plugins 'first' and 'second' both declare the event type 'wave'"):
        HubForTests({"first": {}, "second": {}}, plugins={"first": First, "second": Second})
    with HubForTests({"first": {}, "second": False}, plugins={"first": First, "second": Second}) as hub:
        assert hub.hub.codec.types["wave"] is Wave


def test_an_event_type_of_the_core_cannot_be_taken() -> None:
    class MyPing(Event, tag="ping"):
        pass

    class Takes(Plugin[PluginConfig]):
        events = (MyPing,)

    with pytest.raises(PluginError, match="'ping' is claimed twice"):
        HubForTests({"takes": {}}, plugins={"takes": Takes})


def test_a_plugin_cannot_take_the_place_of_the_core() -> None:
    with pytest.raises((ConfigError, PluginError), match="core"):
        HubForTests({"core": {}}, plugins={"core": First})


def test_a_plugin_that_is_switched_off_is_not_even_imported() -> None:
    Path("config.yaml").write_text("plugins:\n  no_such_file:Thing: false\n  chat:\n")
    assert list(load_plugins(load_config(Path("config.yaml"), {}))) == ["chat"]
