"""The file of tokens: who each of them stands for, under its SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, NamedTuple, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...core import Identity, RoomRights

LARGEST = 16 * 1024 * 1024
"""Bytes of a file."""
JSON_LINES = (".jsonl", ".ndjson")
MOST_SHOWN = 5
"""Mistakes that are told at once."""

_HINTS = {
    "sha256": "the SHA-256 of the token, 64 hexadecimal digits",
    "token": "the file holds no tokens but their sha256; python -m hubbub.plugins.auth_tokens USER makes both",
    "expires": "a date and time such as 2027-01-31T12:00:00Z",
    "groups": "a list of names",
    "rooms": "rights by room pattern, such as {team-*: [join, publish]}, or a list of room patterns",
}


class TokenFileError(ValueError):
    """The file cannot be used; the text says where and why, and repeats nothing of what stands there."""


class Version(NamedTuple):
    """What tells that a file has changed."""

    modified: int
    size: int
    inode: int


def _at_midnight_utc(value: object) -> object:
    """YAML knows dates, and times without a zone; all of them mean UTC here."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else value


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


class Entry(BaseModel):
    """What the file says of one token."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9A-Fa-f]{64}$")
    groups: frozenset[str] = frozenset()
    rooms: RoomRights = {}
    expires: Annotated[datetime, BeforeValidator(_at_midnight_utc)] | None = None

    @property
    def identity(self) -> Identity:
        """Who has the token."""
        expires = None if self.expires is None else _in_utc(self.expires)
        return Identity(self.user, groups=self.groups, rooms=self.rooms, expires=expires)


def digest_of(token: str) -> str:
    """What the file has of a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def version_of(path: Path) -> Version | None:
    """What is there now; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Version(status.st_mtime_ns, status.st_size, status.st_ino)


def read_tokens(path: Path) -> dict[str, Identity]:
    """Who has each token, by its digest. Raise `TokenFileError`."""
    found: dict[str, Identity] = {}
    mistakes: list[str] = []
    for place, raw in _entries(path):
        try:
            entry = Entry.model_validate(raw)
        except ValidationError as error:
            mistakes += _told(place, error)
            continue
        digest = entry.sha256.lower()
        if digest in found:
            mistakes.append(f"{place}: this sha256 stands there twice")
        found[digest] = entry.identity
    if mistakes:
        more = f"; and {len(mistakes) - MOST_SHOWN} more" if len(mistakes) > MOST_SHOWN else ""
        raise TokenFileError(f"{path}: {'; '.join(mistakes[:MOST_SHOWN])}{more}")
    return found


def _entries(path: Path) -> Iterator[tuple[str, object]]:
    text = _text_of(path)
    if path.suffix in JSON_LINES:
        yield from _lines(path, text)
        return
    try:
        read: object = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # both are safe
    except yaml.YAMLError as error:
        line: object = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f" line {line + 1}" if isinstance(line, int) else ""
        raise TokenFileError(f"{path}:{place} is not YAML") from None
    except (ValueError, RecursionError):
        raise TokenFileError(f"{path}: is not YAML that can be read") from None
    if read is None:
        return
    if not isinstance(read, list):
        raise TokenFileError(f"{path}: expected a list of entries such as - {{user: alice, sha256: …}}")
    for number, entry in enumerate(cast("list[object]", read), start=1):
        yield f"entry {number}", entry


def _lines(path: Path, text: str) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError):
                raise TokenFileError(f"{path}: line {number} is not JSON") from None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise TokenFileError(f"{path}: is larger than {LARGEST} bytes")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TokenFileError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise TokenFileError(
            f"{path.absolute()}: cannot be read: {error.strerror}; look at plugins.auth_tokens.file "
            "(python -m hubbub.plugins.auth_tokens USER prints what stands in such a file)"
        ) from None


def _told(place: str, error: ValidationError) -> Iterator[str]:
    """The mistakes in one entry, without what stands there: it may be a token."""
    for details in error.errors(include_url=False, include_input=False):
        key = str(details["loc"][0]) if details["loc"] else ""
        if details["type"] == "extra_forbidden" and key not in _HINTS:
            yield f"{place}: a key that is none of {', '.join(Entry.model_fields)}"
        elif not key:
            yield f"{place}: expected user, sha256 and so on"
        else:
            missing = "is missing" if details["type"] == "missing" else f"expected {_HINTS.get(key, 'text')}"
            yield f"{place}: {key}: {_HINTS[key] if key == 'token' else missing}"
