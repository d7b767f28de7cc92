"""The names of channels. A name of a room or a server is escaped, so that none is another's, or a pattern."""

from __future__ import annotations

from urllib.parse import quote


class Channels:
    """The channels of the servers that belong together by their prefix."""

    def __init__(self, prefix: str) -> None:
        self._room = f"{prefix}:room:{{"
        self._node = f"{prefix}:node:{{"
        self.nodes = f"{prefix}:nodes".encode()
        """What is told to all servers."""

    def room(self, room: str) -> bytes:
        """What is published to a room; in braces is what decides about the slot in a Redis Cluster."""
        return f"{self._room}{quote(room, safe='')}}}".encode()

    def node(self, node: str) -> bytes:
        """What is told to one server."""
        return f"{self._node}{quote(node, safe='')}}}".encode()
