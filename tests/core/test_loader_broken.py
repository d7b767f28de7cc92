"""Plugins that cannot be used as they are: the start says which, where and what to change."""

import sys
from pathlib import Path
from typing import cast

import pytest
from hubbub.core import Broker, Event, Plugin, PluginConfig, PluginError, hookimpl
from hubbub.core.loader import find_plugin
from hubbub.core.testing import HubForTests
from pydantic import BaseModel


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def why_not(plugin: type[Plugin[PluginConfig]]) -> str:
    """Why a server with this plugin does not start."""
    with pytest.raises(PluginError) as caught, HubForTests({"mine": {}}, plugins={"mine": plugin}):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("module", "source", "says"),
    [
        (
            "broken_inside",
            "import json\n\nX = json.loads('{')\n",
            r"JSONDecodeError: .* \(broken_inside.py, line 3\)$",
        ),
        ("broken_syntax", "def x(:\n", r"SyntaxError: invalid syntax \(broken_syntax.py, line 1\)$"),
        ("broken_exit", "import sys\nsys.exit(3)\n", r"SystemExit: 3 \(broken_exit.py, line 2\)$"),
        (
            "broken_lack",
            "import nowhere_at_all\n",
            r"No module named 'nowhere_at_all' \(broken_lack.py, line 1\)$",
        ),
    ],
)
def test_what_fails_at_import_is_told_with_its_line(module: str, source: str, says: str) -> None:
    Path(f"{module}.py").write_text(source)
    with pytest.raises(PluginError, match=f"'{module}:X' cannot be imported from {module}:X: .*{says}"):
        find_plugin(f"{module}:X", {})


def test_a_module_without_a_class_is_told_how_to_name_one() -> None:
    with pytest.raises(PluginError, match="the plugin 'mine:': mine names a module alone; write module:Class"):
        find_plugin("mine:", {})


class Wave(Event, tag="wave"):
    pass


@pytest.mark.parametrize(
    ("attribute", "value", "says"),
    [
        ("events", Wave, "events must be a tuple, such as (Hand,) with a comma"),
        ("events", ("wave",), "'wave' in its events is no subclass of hubbub.core.Event"),
        ("commands", ("count",), "commands must be a tuple of hubbub.core.Command"),
    ],
)
def test_what_a_class_says_wrong_about_itself_is_told(attribute: str, value: object, says: str) -> None:
    assert why_not(type("Mine", (Plugin,), {attribute: value})) == f"the plugin 'mine': {says}"


class Options(BaseModel):
    times: int = 1


def test_a_config_class_that_is_none_is_told() -> None:
    class Mine(Plugin[Options]):  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
        pass

    assert (
        why_not(cast("type[Plugin[PluginConfig]]", Mine))
        == "the plugin 'mine': its config class Options must subclass PluginConfig"
    )


def test_a_constructor_that_keeps_no_config_is_told_what_to_do() -> None:
    class Forgets(Plugin[PluginConfig]):
        def __init__(self, config: PluginConfig, overrides: object = None) -> None:
            pass

    class TakesTooFew(Plugin[PluginConfig]):
        def __init__(self, config: PluginConfig) -> None:
            super().__init__(config)

    class IsEarly(Plugin[PluginConfig]):
        def __init__(self, config: PluginConfig, overrides: object = None) -> None:
            self.manager.now()

    for plugin in (Forgets, TakesTooFew, IsEarly):
        assert "gives both to super(); do the rest in startup" in why_not(plugin)


def test_a_mistake_in_startup_is_told_with_its_line_and_a_sentence_as_it_is() -> None:
    class Mistaken(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            raise KeyError("url")

    class Lacks(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            raise ValueError("url must be https")

    class Exits(Plugin[PluginConfig]):
        @hookimpl
        async def startup(self) -> None:
            raise SystemExit(3)

    assert "'mine' cannot start: KeyError: 'url' (test_loader_broken.py, line " in why_not(Mistaken)
    assert why_not(Lacks) == "the plugin 'mine' cannot start: url must be https"
    assert why_not(Exits) == "the plugin 'mine' cannot start: it raised SystemExit"


def test_a_broker_that_cannot_be_made_or_is_none_is_told() -> None:
    class Fails(Plugin[PluginConfig]):
        def make_broker(self) -> Broker | None:
            raise KeyError("url")

    class IsNone(Plugin[PluginConfig]):
        def make_broker(self) -> Broker | None:
            return cast(Broker, "redis://localhost")

    assert "'mine' cannot make its broker: KeyError: 'url' (test_loader_broken.py, line " in why_not(Fails)
    assert why_not(IsNone) == "the plugin 'mine': make_broker returned a str, which is no Broker"
