"""YAML text to plain data, with the place of every key, and with the tags `!env` and `!file`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor

from .config_errors import ConfigError, KeyPath, Problem, show_key

MAX_TEXT = 1024 * 1024
MAX_DEPTH = 50
MAX_VALUES = 20_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_MERGE = _YAML + "merge"
_NUMBERS_AND_BOOLS = frozenset({_YAML + "bool", _YAML + "int", _YAML + "float"})
# A date and a lone `=` have types of their own in YAML 1.1; in a config they are text.
_TEXTS = frozenset({_YAML + "str", _YAML + "timestamp", _YAML + "value", "!"})
_LONGEST_NUMBER = 400


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from: what its lines are called, and what its tags refer to."""

    place: Callable[[int], str]
    """The place of a line, counted from 1."""
    folder: Path
    """What the paths of `!file` are relative to."""
    env: Mapping[str, str]
    """What `!env` reads."""


@dataclass(slots=True)
class Parsed:
    """What a text says."""

    value: object = None
    places: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    secrets: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    """The texts that came from `!env` and `!file`."""
    problems: list[Problem] = field(default_factory=list[Problem])
    broken: set[KeyPath] = field(default_factory=set[KeyPath])
    """Key paths that have a problem here already: their values mean nothing."""


def parse_yaml(text: str, origin: Origin, at: KeyPath = ()) -> Parsed:
    """Read `text`, whose value stands at the key path `at`.

    Raises ConfigError where the text is not YAML; lesser mistakes are in `Parsed.problems`.
    """
    return _Reader(origin, at).read(text)


class _Reader:
    def __init__(self, origin: Origin, at: KeyPath) -> None:
        self._origin = origin
        self._at = at
        self._parsed = Parsed()
        self._values = 0
        # The stubs say nothing of what it makes; here it makes numbers and bools alone.
        self._number: Callable[[yaml.Node], object] = SafeConstructor().construct_object  # pyright: ignore[reportUnknownMemberType]

    def read(self, text: str) -> Parsed:
        if len(text) > MAX_TEXT:
            raise self._fatal(1, f"longer than {MAX_TEXT} characters, which no config should be.")
        try:
            self._check_depth(text)
            node = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            raise self._fatal(*_in_plain_words(error, text)) from None
        except UnicodeError:
            raise self._fatal(1, "holds characters that are not valid Unicode text.") from None
        if node is not None:
            self._parsed.value = self._value(node, self._at)
        return self._parsed

    def _check_depth(self, text: str) -> None:
        # Composing recurses in C, where an endless row of `[` would end the process.
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise self._fatal(_line(event), f"nested more than {MAX_DEPTH} levels deep.")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _value(self, node: yaml.Node, path: KeyPath) -> object:
        self._values += 1
        # Aliases can make a short text stand for billions of values, or for one without an end.
        if self._values > MAX_VALUES:
            raise self._fatal(_line(node), f"stands for more than {MAX_VALUES} values; use fewer aliases.")
        if len(path) - len(self._at) > MAX_DEPTH:
            raise self._fatal(_line(node), f"aliases nest more than {MAX_DEPTH} levels deep, or without an end.")
        if isinstance(node, yaml.MappingNode) and node.tag in (_YAML + "map", "!"):
            return {
                key: self._value(value, self._placed((*path, key), key_node))
                for key, (key_node, value) in self._entries(node, path, depth=0).items()
            }
        if isinstance(node, yaml.SequenceNode) and node.tag in (_YAML + "seq", "!"):
            return [self._value(item, self._placed((*path, index), item)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._unknown_tag(node, path)

    def _placed(self, path: KeyPath, node: yaml.Node) -> KeyPath:
        self._parsed.places[path] = self._origin.place(_line(node))
        return path

    def _entries(
        self, node: yaml.MappingNode, path: KeyPath, depth: int
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The entries of a mapping by key, with those that `<<` merges; its own keys win, then the first."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value in node.value:
            if key_node.tag == _MERGE:
                for other in self._mappings_to_merge(value, path, depth):
                    merged = self._entries(other, path, depth + 1) | merged
                continue
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.tag.startswith(_YAML):
                self._problem(key_node, path, "a key must be plain text, as in 'key: value'.")
                continue
            key = key_node.value
            if key in own:
                first = self._origin.place(_line(own[key][0]))
                self._problem(key_node, (*path, key), f"stands twice; the first is at {first}. Keep one.")
                continue
            own[key] = (key_node, value)
        # What is merged comes first, unless the mapping itself says the key: then it stands where it says it.
        return {key: entry for key, entry in merged.items() if key not in own} | own

    def _mappings_to_merge(self, node: yaml.Node, path: KeyPath, depth: int) -> Iterator[yaml.MappingNode]:
        for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._values += 1
            if depth > MAX_DEPTH or self._values > MAX_VALUES:
                raise self._fatal(_line(node), "'<<' merges too much, or without an end.")
            if isinstance(item, yaml.MappingNode):
                yield item
            else:
                self._problem(node, path, "'<<' takes an alias of a mapping, or a list of such aliases.")

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        tag = node.tag
        if tag in _TEXTS:
            return node.value
        if tag == _YAML + "null":
            return None
        if tag == "!env":
            return self._from_environment(node, path)
        if tag == "!file":
            return self._from_file(node, path)
        if tag not in _NUMBERS_AND_BOOLS:
            return self._unknown_tag(node, path)
        if len(node.value) > _LONGEST_NUMBER:
            return node.value
        try:
            return self._number(node)
        except (ValueError, LookupError, OverflowError, yaml.YAMLError):
            kind = tag.removeprefix(_YAML)
            return self._problem(node, path, f"is not what its tag !!{kind} says. Remove the tag.")

    def _from_environment(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        name = node.value
        if name not in self._origin.env:
            return self._problem(
                node, path, f"the environment variable {name!r} that !env names is not set. Set it first."
            )
        return self._secret(path, self._origin.env[name])

    def _from_file(self, node: yaml.ScalarNode, path: KeyPath) -> object:
        file = self._origin.folder / node.value
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_TEXT + 1)
            if len(content) > MAX_TEXT:
                return self._problem(node, path, f"the file {str(file)!r} is longer than {MAX_TEXT} bytes.")
            text = content.decode()
        except UnicodeDecodeError:
            return self._problem(node, path, f"the file {str(file)!r} is not UTF-8 text.")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a file name"
            return self._problem(
                node,
                path,
                f"cannot read the file {str(file)!r} that !file names: {reason}. "
                "A relative path starts at the config file's folder.",
            )
        return self._secret(path, text.removesuffix("\n").removesuffix("\r"))

    def _secret(self, path: KeyPath, text: str) -> str:
        self._parsed.secrets[path] = text
        return text

    def _unknown_tag(self, node: yaml.Node, path: KeyPath) -> None:
        # The tag is not repeated: a password that starts with '!' reads as one.
        self._problem(
            node,
            path,
            "YAML reads a value that starts with '!' as a tag, and the tags here are !env NAME "
            "and !file PATH. Put text that starts with '!' in quotes.",
        )

    def _problem(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self._parsed.broken.add(path)
        self._parsed.problems.append(Problem(self._origin.place(_line(node)), show_key(path), text))

    def _fatal(self, line: int, text: str) -> ConfigError:
        return ConfigError([Problem(self._origin.place(line), show_key(self._at), text)])


def _line(where: yaml.Node | yaml.Event) -> int:
    mark = where.start_mark
    return mark.line + 1 if mark is not None else 1


# What PyYAML and libyaml say of the mistakes that people make (each in its own words), and what it means.
_MEANINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("mapping values are not allowed",),
        "a ':' is not expected here. Check the indentation of this line and the ':' of the line above, "
        "and put text that holds ': ' in quotes.",
    ),
    (
        ("expected ',' or ']'", "expected ',' or '}'"),
        "the '[' or '{' that was opened on line {opened} needs a ',' here, or its closing bracket.",
    ),
    (("found unexpected end of stream",), "the quote that was opened on line {opened} is never closed."),
    (("unknown escape character",), "a '\\' in double quotes starts an escape; use single quotes or '\\\\'."),
    (
        ("while scanning an alias", "while scanning an anchor"),
        "'*' or '&' at the start means an alias or an anchor; put text that starts with it in quotes.",
    ),
    (("undefined alias",), "'*' at the start means an alias of an '&anchor' before it; put text in quotes."),
    (("second occurrence",), "this '&anchor' stands twice; give one of them another name."),
    (("but found another document",), "a second document starts at this '---'; a config is one document."),
    (
        ("could not find expected ':'", "while scanning a simple key"),
        "expected 'key: value', but the ':' is missing.",
    ),
    (
        ("expected <block end>", "did not find expected key", "did not find expected '-' indicator"),
        "this line does not fit the ones before it. Indent keys of one level alike, with spaces, "
        "do not mix list items with keys, and put text that starts with '{' or '[' in quotes.",
    ),
    (("tag",), "a value that starts with '!' is a tag; put text that starts with '!' in quotes."),
)


def _in_plain_words(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line of a YAML mistake, and what to do about it."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        return line, "holds a control character, or another that YAML does not allow. Remove it."
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, "is not valid YAML."
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    told = f"{error.problem or ''}; {error.context or ''}"
    if "cannot start any token" in told and mark is not None:
        return line, _about_character(text, mark.line, mark.column)
    for signs, meaning in _MEANINGS:
        if any(sign in told for sign in signs):
            opened = error.context_mark.line + 1 if error.context_mark is not None else line
            return line, f"not valid YAML: {meaning.replace('{opened}', str(opened))}"
    return line, "not valid YAML: a value is missing here, or a bracket or quote is not closed."


def _about_character(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    character = lines[line][column : column + 1] if line < len(lines) else ""
    if character == "\t":
        return "a tab stands where only spaces may. Indent with spaces."
    return f"not valid YAML: text cannot start with {character!r}. Put it in quotes."
