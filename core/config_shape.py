"""What a pydantic model says of the key at a path: its kind, its bounds, its description, the keys beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo

from .config_errors import KeyPath


@dataclass(frozen=True, slots=True)
class Slot:
    """One type that may stand at a key."""

    annotation: object
    metadata: tuple[object, ...] = ()
    description: str = ""

    @property
    def number(self) -> Literal["int", "float", "size"] | None:
        """Which kind of number this is; `None` where it is none."""
        if self.annotation is ByteSize:
            return "size"
        if self.annotation is int:
            return "int"
        return "float" if self.annotation is float else None

    def bounds(self) -> str:
        """The numbers that are allowed, such as ` from 0 to 65535`; empty where all are."""
        least, above = self._limit("ge"), self._limit("gt")
        most, below = self._limit("le"), self._limit("lt")
        if least and most:
            return f" from {least} to {most}"
        words = (("of at least", least), ("greater than", above), ("of at most", most), ("less than", below))
        said = [f"{word} {limit}" for word, limit in words if limit]
        return f" {' and '.join(said)}" if said else ""

    def _limit(self, name: str) -> str:
        limits: list[object] = [getattr(constraint, name, None) for constraint in self.metadata]
        limit = next((limit for limit in limits if isinstance(limit, int | float)), None)
        if limit is None:
            return ""
        return _size(int(limit)) if self.number == "size" else f"{limit:g}" if limit == 0 else str(limit)


def slots_at(model: type[BaseModel], path: KeyPath) -> list[Slot]:
    """The types that may stand at `path` of a config for `model`; none where the model does not say."""
    slots = [Slot(model)]
    for part in path:
        slots = [below for slot in slots for below in _below(slot.annotation, part)]
    return slots


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that may stand right below `path`."""
    keys = (
        _key(name, field)
        for slot in slots_at(model, path)
        if _is_model(slot.annotation)
        for name, field in slot.annotation.model_fields.items()
    )
    return list(dict.fromkeys(keys))


def _below(annotation: object, part: str | int) -> list[Slot]:
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if _key(name, field) == part:
                return _alternatives(Slot(field.annotation, tuple(field.metadata), field.description or ""))
        return []
    arguments: tuple[object, ...] = get_args(annotation)
    origin = get_origin(annotation)
    if not isinstance(origin, type) or not arguments:
        return []
    if issubclass(origin, Mapping):
        return _alternatives(Slot(arguments[1]))
    if issubclass(origin, tuple) and isinstance(part, int) and part < len(arguments) and ... not in arguments:
        return _alternatives(Slot(arguments[part]))
    return _alternatives(Slot(arguments[0])) if issubclass(origin, Iterable) else []


def _alternatives(slot: Slot) -> list[Slot]:
    """The types that `A | B`, `Annotated[…]` or a named type stand for; `None` is no alternative to explain."""
    annotation = slot.annotation
    named: object = getattr(annotation, "__value__", None)
    if named is not None:
        return _alternatives(Slot(named, slot.metadata, slot.description))
    arguments: tuple[object, ...] = get_args(annotation)
    if get_origin(annotation) is Annotated:
        metadata, description = slot.metadata, slot.description
        for extra in arguments[1:]:
            if isinstance(extra, FieldInfo):
                metadata += tuple(extra.metadata)
                description = description or extra.description or ""
            else:
                metadata += (extra,)
        return _alternatives(Slot(arguments[0], metadata, description))
    if get_origin(annotation) in (Union, UnionType):
        return [
            alternative
            for argument in arguments
            if argument is not type(None)
            for alternative in _alternatives(Slot(argument, slot.metadata, slot.description))
        ]
    return [slot]


def _key(name: str, field: FieldInfo) -> str:
    """What a field is called in the config."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _size(count: int) -> str:
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count} bytes"
