from pathlib import Path

import pytest
import yaml
from hubbub.core import config_yaml
from hubbub.core.config_errors import ConfigError
from hubbub.core.config_source import Source, read_source

LOADERS = sorted({"SafeLoader", "CSafeLoader"} & set(vars(yaml)))


@pytest.fixture(params=LOADERS)
def any_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_yaml, "_LOADER", getattr(yaml, request.param))


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


def test_keys_keep_their_order_and_their_lines() -> None:
    source = read("plugins:\n  b: {x: 1}\n  a:\n    list:\n      - 1\n      - two\n")
    assert source.data == {"plugins": {"b": {"x": 1}, "a": {"list": [1, "two"]}}}
    assert list(source.data["plugins"]) == ["b", "a"]  # type: ignore[call-overload]
    assert source.where(("plugins", "b", "x")) == "config.yaml:2"
    assert source.where(("plugins", "a", "list", 1)) == "config.yaml:6"


def test_a_key_without_a_place_stands_where_the_nearest_key_above_it_stands() -> None:
    source = read("server:\n  port: 1\n")
    assert source.where(("server", "host")) == "config.yaml:1"
    assert source.where(("rooms",)) == "config.yaml"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values_read_as_people_write_them(text: str, value: object) -> None:
    assert read(f"a: {text}\n").data == {"a": value}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read("on: 1\n5: 2\n~: 3\n2026-01-01: 4\n").data == {"on": 1, "5": 2, "~": 3, "2026-01-01": 4}


def test_an_empty_file_says_nothing() -> None:
    for text in ("", "# only a comment\n", "---\n", "\ufeff"):
        assert read(text).data == {}


def test_the_top_must_have_keys() -> None:
    for text in ("- a\n", "hello\n", "5\n"):
        assert mistakes(text) == "config.yaml:1: expected sections such as 'server:' and 'plugins:'."


def test_a_key_that_stands_twice_names_both_lines() -> None:
    assert mistakes("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").splitlines() == [
        "config.yaml:5: a: stands twice; the first is at config.yaml:1. Keep one.",
        "config.yaml:4: b.c: stands twice; the first is at config.yaml:3. Keep one.",
    ]


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\tb: 1\n", 2, "Indent with spaces"),
        ("a: b: c\n", 1, "put text that holds ': ' in quotes"),
        ("a 1\nb: 1\n", 2, "the ':' of the line above"),
        ("a: 1\nb: 'x\n", 3, "the quote that was opened on line 2 is never closed"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "opened on line 2 needs a ',' here, or its closing bracket"),
        ("a: {b: 1\nc: 2\n", 2, "opened on line 1"),
        ("a: *x\n", 1, "'*' at the start means an alias"),
        ("a: &x 1\nb: &x 2\n", 2, "stands twice"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: @x\n", 1, "text cannot start with '@'. Put it in quotes."),
        ("a: `x\n", 1, "text cannot start with '`'. Put it in quotes."),
        ('a: "\\q"\n', 1, "use single quotes"),
        ("a: 1\n- b\n", 2, "not valid YAML"),
        ("a:\n  b: 1\n c: 2\n", 3, "Indent keys of one level alike"),
        ("a: !x!y z\n", 1, "put text that starts with '!' in quotes"),
        ("a: }\n", 1, "not valid YAML"),
    ],
)
def test_what_is_not_yaml_is_told_in_plain_words_with_its_line(text: str, line: int, words: str) -> None:
    told = mistakes(text)
    assert told.startswith(f"config.yaml:{line}: ")
    assert words in told


@pytest.mark.usefixtures("any_loader")
def test_control_characters_are_refused() -> None:
    assert "holds a control character" in mistakes("a: \x00\n")
    assert "holds a control character" in mistakes("a: 1\nb: \x1b[2J\n")


def test_what_is_not_utf_8_is_refused() -> None:
    Path("config.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match=r"^config\.yaml: is not UTF-8 text\. Save it as UTF-8\.$"):
        read_source(Path("config.yaml"), {})


def test_a_file_that_is_not_there_or_no_file_is_told() -> None:
    for name in ("nowhere.yaml", "folder"):
        Path("folder").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=rf"^{name}: cannot be read: (No such file|Is a directory)"):
            read_source(Path(name), {})


@pytest.mark.usefixtures("any_loader")
def test_aliases_and_merge_keys_work() -> None:
    source = read(
        "a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\nd:\n  <<: [{x: 7}, *a]\ne:\n  y: 4\n  <<: *a\n"
    )
    assert source.data["b"] == {"x": 1, "y": 2}
    assert source.data["c"] == {"x": 1, "y": 3}
    assert source.data["d"] == {"x": 7, "y": 2}
    assert source.data["e"] == {"x": 1, "y": 4}
    assert source.where(("c", "x")) == "config.yaml:1"
    assert source.where(("c", "y")) == "config.yaml:5"
    assert source.problems == []


def test_merging_what_is_no_mapping_is_told() -> None:
    assert "'<<' takes an alias of a mapping" in mistakes("a: &a 5\nb:\n  <<: *a\n")


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize(
    "text",
    [
        "a: &a0 [1,1,1]\n" + "\n".join(f"b{i}: &a{i + 1} [{','.join([f'*a{i}'] * 10)}]" for i in range(20)),
        "a: &a0 {k: 1}\n" + "\n".join(f"b{i}: &a{i + 1} {{<<: [{','.join([f'*a{i}'] * 10)}]}}" for i in range(20)),
        "a: &a0 [1]\n" + "\n".join(f"b{i}: &a{i + 1} [*a{i}]" for i in range(300)),
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "a: &a {<<: *a}\n",
        "a: " + "[" * 100_000,
        "a: " + "[" * 20_000 + "]" * 20_000,
        "a: " + "{a: " * 100_000,
        "- " * 5_000 + "a",
        "a: 1\n" * 300_000,
    ],
)
def test_a_text_that_would_blow_up_is_refused(text: str) -> None:
    assert mistakes(text).startswith("config.yaml:")


@pytest.mark.parametrize(
    "value",
    ["!!python/object/apply:os.system [ls]", "!!set {a}", "!!binary aGk=", "!foo bar", "!env [A]", "!!int x"],
)
def test_unknown_and_unfit_tags_are_refused(value: str) -> None:
    assert mistakes(f"server:\n  host: {value}\n").startswith("config.yaml:2: server.host: ")


def test_keys_that_are_no_text_are_refused() -> None:
    for text in ("? [a]\n: b\n", "? {a: 1}\n: b\n", "!env A: b\n"):
        assert "a key must be plain text" in mistakes(text, A="a")


@pytest.mark.usefixtures("any_loader")
def test_a_pattern_that_is_not_in_quotes_is_told_to_be() -> None:
    assert mistakes("rooms:\n  options:\n    *:\n      max_members: 3\n") == (
        "config.yaml:3: not valid YAML: '*' or '&' at the start means an alias or an anchor; "
        "put text that starts with it in quotes."
    )


@pytest.mark.usefixtures("any_loader")
def test_a_text_that_starts_with_a_brace_is_told_to_be_put_in_quotes() -> None:
    assert mistakes("plugins:\n  chat:\n    welcome: {user} is here\n").endswith(
        "starts with '{' or '[' in quotes."
    )
