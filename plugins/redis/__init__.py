"""Connects several servers through Redis or Valkey."""

from .plugin import Redis as Redis
