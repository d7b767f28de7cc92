"""Mistakes in the rules: each is told with its place and what to do about it."""

from pathlib import Path

import pytest
import yaml
from hubbub.core import Plugin, PluginConfig, PluginError, RoomEvent
from hubbub.core.config import config_from, load_config
from hubbub.core.config_errors import ConfigError, Problem
from hubbub.core.loader import load_plugins
from hubbub.plugins.permissions import Permissions
from hypothesis import given
from hypothesis import strategies as st


def mistakes(options: str) -> list[str]:
    """What the start says against the options of the plugin, without `plugins.permissions.`."""
    with pytest.raises(ConfigError) as caught:
        load_plugins(config_from({"plugins": {"permissions": yaml.safe_load(options)}}))
    prefix = "plugins.permissions."
    return [f"{each.key.removeprefix(prefix)}: {each.text}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("everone", "did you mean 'everyone'? A user of that name is 'user:everone'."),
        ("Everyone", "did you mean 'everyone'?"),
        ("anybody", "did you mean 'everyone'?"),
        ("'*'", "did you mean 'everyone'?"),
        ("none", "did you mean 'nobody'?"),
        ("anonymous", "did you mean 'guests'?"),
        ("owners", "did you mean 'owner'?"),
        ("gruop:x", "'gruop:x' begins with none of group:…, claim:…, user:…. Did you mean 'group:x'? A user of"),
        ("x:y", "'x:y' begins with none of group:…, claim:…, user:…. A user of that name is 'user:x:y'."),
        ("group", "'group' needs a name, as in 'group:staff'."),
        ("'group:'", "'group:' needs a name after the colon, without a space."),
        ("'group: x'", "'group: x' needs a name after the colon, without a space."),
        ("group:x*", "a group's name is compared as it stands, so 'x*' would be none: list the groups."),
        ("claim:x", "'claim:x' must say which value is wanted, as in 'claim:plan=gold'."),
        ("claim:=x", "'claim:=x' must say which value is wanted"),
        ("''", "'' is no name: it is empty, or has a space at an end."),
        ("' bob'", "' bob' is no name: it is empty, or has a space at an end."),
        ("owner", "'owner' is the user that {user} stands for, and the pattern has no {user}."),
        ("5", "expected text or a list, got 5. Put it in quotes to make it text."),
        ("no", "expected text or a list, got false."),
        ("{group: x}", "expected text or a list, got keys with values."),
    ],
)
def test_whoever_nobody_can_be_is_explained(who: str, told: str) -> None:
    (alone,) = mistakes(f"rooms: {{a: {{join: {who}}}}}")
    assert alone.startswith(f"rooms.a.join: {told}")
    if not told.startswith("expected"):
        (listed,) = mistakes(f"rooms: {{a: {{join: everyone, publish: [bob, {who}]}}}}")
        assert listed.startswith(f"rooms.a.publish[1]: {told}")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("inbox-{usr}", "'{usr}' stands for nothing: only {user} does. A plain brace is written [{]."),
        ("{User}", "'{User}' stands for nothing"),
        ("a{", "'{' stands for nothing"),
        ("{user}-{user}", "{user} stands there twice: a room is that of one user."),
        ("{user}*", "put some text between {user} and a wildcard, or it is unknown where the name ends."),
        ("[ab]{user}", "put some text between {user} and a wildcard"),
        ("[{user}]", "put some text between {user} and a wildcard"),
        ("*-{user}-*", "have wildcards before {user} or after it, not both, or it is unknown which is the name."),
        ("a b", "no room has such a name: it would be empty, have a space, or be invisible."),
        ("", "no room has such a name"),
    ],
)
def test_a_pattern_that_means_no_room_is_explained(pattern: str, told: str) -> None:
    (mistake,) = mistakes(f"rooms: {{'{pattern}': {{join: bob}}}}")
    assert mistake.startswith(f"rooms.{pattern}: {told}")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("rooms: {a: {publish: bob}}", "rooms.a: does not say who may join, as in {join: everyone}."),
        ("rooms: {a: everyone}", "rooms.a: who may what is written as {join: everyone}."),
        ("rooms: {a: [bob]}", "rooms.a: who may what is written as {join: everyone}."),
        ("rooms: {a: }", "rooms.a: who may what is written as {join: everyone}."),
        ("rooms: {a: 5}", "rooms.a: expected keys with values, got 5."),
        (
            "rooms: {a: {join: bob, publsh: bob}}",
            "rooms.a.publsh: there is no such right. Did you mean 'publish'?",
        ),
        ("rooms: {a: {join: bob, fly: bob}}", "rooms.a.fly: there is no such right. Rights: join, publish, pres"),
        ("rooms: {a: {join: bob, private: bob}}", "rooms.a.private: stands beside 'rooms', as a private message"),
        ("rooms: {'*': {join: bob}, a: {join: bob}}", "rooms.a: comes too late: '*' above it matches every room."),
        ("rooms: {}", "rooms: nobody could enter any room. For every room write '\"*\": {join: everyone}'."),
        ("rooms: ", "rooms: expected keys with values, got nothing."),
        ("rooms: [a]", "rooms: expected keys with values, got a list."),
        ("private: owner", "private: 'owner' says nothing here: a private message is in no room."),
        ("private: [bob, token]", "private[1]: 'token' says nothing here: a private message is in no room."),
        ("private: evryone", "private: did you mean 'everyone'?"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_explained(options: str, told: str) -> None:
    (mistake,) = mistakes(options)
    assert mistake.startswith(told)


def test_all_mistakes_are_told_at_once_each_on_its_line() -> None:
    rules = "      a: {join: [x,\n        evryone]}\n      '{u}':\n        joyn: b\n"
    Path("config.yaml").write_text(f"plugins:\n  permissions:\n    rooms:\n{rules}")
    with pytest.raises(ConfigError) as caught:
        load_plugins(load_config(Path("config.yaml"), {}))
    assert [problem.place for problem in caught.value.problems] == [
        "config.yaml:5",
        "config.yaml:6",
        "config.yaml:6",
        "config.yaml:7",
    ]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_right_that_a_plugin_brings_is_known() -> None:
    class Scribble(RoomEvent, tag="scribble"):
        right = "scribble"

    class Scribbles(Plugin[PluginConfig]):
        events = (Scribble,)

    rules = {"*": {"join": "everyone", "scribble": "nobody"}}
    loaded = config_from({"plugins": {"scribbles": {}, "permissions": {"rooms": rules}}})
    load_plugins(loaded, {"scribbles": Scribbles})
    assert "Did you mean 'scribble'" in mistakes("rooms: {a: {join: users, scribbel: users}}")[0]


def test_rules_under_the_options_of_rooms_are_refused() -> None:
    rooms = {"options": {"staff-*": {"plugins": {"permissions": {"private": "nobody"}}}}}
    with pytest.raises(PluginError, match=r"rooms\.options\.staff-\*\.plugins\.permissions: .*in one place only"):
        load_plugins(config_from({"rooms": rooms, "plugins": {"permissions": {}}}))


def test_a_variable_may_hold_the_rules() -> None:
    variable = {"HUBBUB_PLUGINS__PERMISSIONS__ROOMS": '{"{user}": {join: owner}, "*": {join: [bob, "group:x"]}}'}
    plugin = load_plugins(load_config(None, variable))["permissions"]
    assert isinstance(plugin, Permissions)
    assert list(plugin.config.rooms) == ["{user}", "*"]


WORDS = st.sampled_from(["everyone", "owner", "token", "bob", "group:x", "claim:a=b", "a:b", "", "*", "{user}"])
ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | WORDS
TEXTS = st.text(max_size=5) | WORDS | st.sampled_from(["join", "publish", "@{user}", "[", "{", "{user}/*"])
RULE = st.dictionaries(TEXTS, ANYTHING | st.lists(ANYTHING, max_size=3), max_size=3)


@given(st.dictionaries(TEXTS, RULE, max_size=3), ANYTHING)
def test_any_rules_are_understood_or_explained(rooms: dict[str, object], private: object) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        load_plugins(config_from({"plugins": {"permissions": {"rooms": rooms, "private": private}}}))
    except ConfigError as error:
        problems = error.problems
    assert all(problem.text for problem in problems)
