"""JSON Schemas for contents, compiled by the jsonschema-rs package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...core import Rejected

if TYPE_CHECKING:
    import jsonschema_rs

_LONGEST_SHOWN = 200


def compile_schema(schema: dict[str, object] | str) -> jsonschema_rs.Validator:
    """The validator of a schema, or of the file that holds one. Raise `ValueError` with what is wrong."""
    try:
        import jsonschema_rs
    except ImportError:
        raise ValueError("a JSON Schema needs another package: pip install 'hubbub[schema]'") from None
    if isinstance(schema, str):
        try:
            schema = cast("dict[str, object]", json.loads(Path(schema).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            file = str(Path(schema).absolute())
            raise ValueError(f"no JSON Schema can be read from {file!r}: {reason}") from None
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        place = ".".join(map(str, error.instance_path))
        raise ValueError(f"not a JSON Schema: {f'at {place}, ' if place else ''}{error.message}") from None
    except ValueError as error:
        raise ValueError(f"not a JSON Schema: {error}") from None


def check_schema(schema: jsonschema_rs.Validator, content: object) -> None:
    """Raise `Rejected` with the path of what does not fit."""
    try:
        error = next(schema.iter_errors(content), None)
    except ValueError as unsuitable:  # It is nested too deep.
        raise Rejected("invalid", f"The content cannot be checked: {unsuitable}.", path="content") from None
    if error is not None:
        path = ".".join(["content", *map(str, error.instance_path)])
        what = error.message if len(error.message) <= _LONGEST_SHOWN else error.message[:_LONGEST_SHOWN] + "…"
        raise Rejected("invalid", f"The content does not fit this room: {what}.", path=path)
