"""Connects several servers through NATS."""

from .plugin import Nats as Nats
