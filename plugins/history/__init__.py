"""History, recovery, and private messages for those who are away."""

from .plugin import History as History
