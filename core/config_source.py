"""The config before it is checked: plain data of the file and the environment, and where each key stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from .config_errors import ConfigError, KeyPath, Problem, child, is_list, is_mapping, show_key
from .config_yaml import MAX_TEXT, Origin, Parsed, parse_yaml

Tree: TypeAlias = dict[str, object]

PREFIX = "HUBBUB_"
SEPARATOR = "__"

_SECRET_KEY = re.compile(r"secret|passw|token|credential|private_?key|api_?key|(^|[_-])keys?$", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"://[^/\s]*:[^/\s]*@|-----BEGIN|\beyJ[\w-]{8}")
_PLAIN = frozenset({"name", "user", "scopes", "groups", "rooms"})
"""What an entry in a list of keys or tokens says beside the secret."""
_SHORTEST_MASKED = 4


@dataclass(slots=True)
class Source:
    """Plain data, the place of each key, and the problems that were found so far."""

    name: str
    """What the file is called in messages."""
    data: Tree = field(default_factory=dict[str, object])
    problems: list[Problem] = field(default_factory=list[Problem])
    _places: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    _secrets: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    _broken: set[KeyPath] = field(default_factory=set[KeyPath])

    def where(self, path: KeyPath) -> str:
        """The place of a key, such as `config.yaml:12`; where it has none, of the nearest key above it."""
        for length in range(len(path), 0, -1):
            place = self._places.get(path[:length])
            if place is not None:
                return place
        return self.name

    def is_secret(self, path: KeyPath) -> bool:
        """Whether the value must not be shown: it came from `!env` or `!file`, or looks secret."""
        if path in self._secrets or _is_below_secret_key(path):
            return True
        value = self._value(path)
        return isinstance(value, str) and _SECRET_TEXT.search(value) is not None

    def is_broken(self, path: KeyPath) -> bool:
        """Whether `problems` has this key, or one above or below it, already."""
        return any(
            path[: len(broken)] == broken or broken[: len(path)] == path for broken in self._broken if broken
        )

    def has_taken(self, text: str) -> bool:
        """Whether `!env` or `!file` has brought this text."""
        return text in self._secrets.values()

    def mask(self, text: str) -> str:
        """`text` without the values that must not be shown, where others wrote it."""
        for secret in sorted(self._secret_texts(self.data, ()), key=len, reverse=True):
            if len(secret) >= _SHORTEST_MASKED:
                text = text.replace(secret, "***")
        return text

    def add(self, parsed: Parsed) -> None:
        """Take over what a text says of places, secrets and problems; its value is the caller's to place."""
        self._places |= parsed.places
        self._secrets |= parsed.secrets
        self._broken |= parsed.broken
        self.problems += parsed.problems

    def replace(self, path: KeyPath, place: str) -> None:
        """Forget what is known of a key and of all below it, and give it a new place."""
        for known in (self._places, self._secrets):
            for old in [old for old in known if old[: len(path)] == path]:
                del known[old]
        self._places[path] = place

    def _secret_texts(self, value: object, path: KeyPath) -> Iterator[str]:
        if is_mapping(value):
            for key, below in value.items():
                yield from self._secret_texts(below, (*path, key))
        elif is_list(value):
            for index, below in enumerate(value):
                yield from self._secret_texts(below, (*path, index))
        elif isinstance(value, str) and self.is_secret(path):
            yield value

    def _value(self, path: KeyPath) -> object:
        value: object = self.data
        for part in path:
            value = child(value, part)
        return value


def _is_below_secret_key(path: KeyPath) -> bool:
    for index, key in enumerate(path):
        if isinstance(key, str) and _SECRET_KEY.search(key):
            entry = path[index + 1 : index + 3]
            if len(entry) < 2 or not isinstance(entry[0], int) or entry[1] not in _PLAIN:
                return True
    return False


def read_source(path: Path | None, env: Mapping[str, str]) -> Source:
    """Read `path` (`None`: the built-in default) and lay the `HUBBUB_…__…` variables of `env` over it.

    Raises ConfigError where the file cannot be read or is not YAML; lesser mistakes are in `problems`.
    """
    name = "the built-in default_config.yaml" if path is None else str(path)
    folder = Path() if path is None else path.parent
    source = Source(name)
    parsed = parse_yaml(_read(path, name), Origin(lambda line: f"{name}:{line}", folder, env))
    source.add(parsed)
    if is_mapping(parsed.value):
        source.data = parsed.value
    elif parsed.value is not None:
        raise ConfigError([Problem(f"{name}:1", "", "expected sections such as 'server:' and 'plugins:'.")])
    for variable, keys in _overrides(env):
        _override(source, variable, keys, folder, env)
    return source


def _read(path: Path | None, name: str) -> str:
    try:
        if path is None:
            return resources.files("hubbub.core").joinpath("default_config.yaml").read_text("utf-8")
        with path.open("rb") as opened:
            return opened.read(MAX_TEXT + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "is not UTF-8 text. Save it as UTF-8."
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        text = f"cannot be read: {reason}. Check the path, or give none to run with the built-in default."
    raise ConfigError([Problem(name, "", text)])


def _overrides(env: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """The variables that mean a key, those that name more of the tree first.

    One without a double underscore means none: Kubernetes sets HUBBUB_PORT and the like for a service
    called hubbub.
    """
    found = [
        (variable, variable.removeprefix(PREFIX).lower().split(SEPARATOR))
        for variable in env
        if variable.startswith(PREFIX) and SEPARATOR in variable
    ]
    return sorted(found, key=lambda override: (len(override[1]), override[0]))


def _override(source: Source, variable: str, keys: list[str], folder: Path, env: Mapping[str, str]) -> None:
    place = f"environment variable {variable}"
    tree, path = source.data, ()
    for key in keys[:-1]:
        key = _known_key(tree, key)
        below = tree.get(key)
        path = (*path, key)
        if key not in tree:
            source.replace(path, place)
        if below is None or below is True:
            below = tree[key] = {}
        if not is_mapping(below):
            _cannot_override(source, place, path, below)
            return
        tree = below
    key = _known_key(tree, keys[-1])
    path = (*path, key)
    try:
        parsed = parse_yaml(env[variable], Origin(lambda _line: place, folder, env), path)
    except ConfigError as error:
        hint = "The value is read as YAML: text with special characters needs quotes inside the value."
        source.problems += [Problem(place, show_key(path), f"{problem.text} {hint}") for problem in error.problems]
        return
    source.replace(path, place)
    source.add(parsed)
    tree[key] = parsed.value


def _known_key(tree: Tree, key: str) -> str:
    """How the tree spells a key that a variable's name can only hold in capitals and without `-`."""
    if key in tree:
        return key
    return next((known for known in tree if known.lower().replace("-", "_") == key), key)


def _cannot_override(source: Source, place: str, path: KeyPath, value: object) -> None:
    stands = source.where(path)
    if value is not False:
        text = f"has no keys below it at {stands}, so this sets nothing. Unset it, or change the value."
    elif stands.startswith("environment variable "):
        return  # Off by the environment is meant for now: what else the environment says of it may stay.
    else:
        text = f"is switched off at {stands}. Remove that line, or unset this variable."
    source.problems.append(Problem(place, show_key(path), text))
