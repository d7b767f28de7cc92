"""Permissions: who may enter which room, and what they may do there."""

from .config import PermissionsConfig as PermissionsConfig
from .plugin import Permissions as Permissions
