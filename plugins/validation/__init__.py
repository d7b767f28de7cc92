"""Validation: what people may say, and what they may call themselves."""

from .plugin import Validation as Validation
from .plugin import ValidationConfig as ValidationConfig
