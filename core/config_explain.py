"""stub"""

from collections.abc import Callable
from pydantic import BaseModel, ValidationError
from .config_errors import KeyPath


def explain(
    error: ValidationError, model: type[BaseModel], data: object, is_secret: Callable[[KeyPath], bool]
) -> list[tuple[KeyPath, str]]:
    """Each mistake that pydantic found, as a key path and a sentence."""
    return [(tuple(one["loc"]), one["msg"]) for one in error.errors(include_url=False, include_input=False)]
