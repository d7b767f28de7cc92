"""What the sections of config.yaml are made of: the model, and the kinds of values."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def _refuse_bool(value: object) -> object:
    # YAML reads `yes` and `on` as true, which pydantic would take for the number 1.
    if isinstance(value, bool):
        raise PydanticCustomError("number_type", "Input should be a number")
    return value


def _nothing_is_empty(value: object) -> object:
    # A key whose lines below are all commented out reads as null.
    return {} if value is None else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Count: TypeAlias = Annotated[int, BeforeValidator(_refuse_bool)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Bytes: TypeAlias = Annotated[ByteSize, BeforeValidator(_refuse_bool)]
OrEmpty = BeforeValidator(_nothing_is_empty)
AnyCase = BeforeValidator(_lower)


class Section(BaseModel):
    """A part of the config: unknown keys are refused, and nothing changes after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, data: object) -> object:
        return _nothing_is_empty(data)
