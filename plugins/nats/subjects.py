"""The names of subjects. A name of a room or a server is escaped, so that none is another's, or a wildcard."""

from __future__ import annotations

import re

_SPECIAL = re.compile(rb"[^A-Za-z0-9_-]")


class Subjects:
    """The subjects of the servers that belong together by their prefix."""

    def __init__(self, prefix: str) -> None:
        self._room = f"{prefix}.room."
        self._node = f"{prefix}.node."
        self._fence = f"{prefix}.fence."
        self.nodes = f"{prefix}.nodes"
        """What is told to all servers."""
        self.all = f"{prefix}.>"
        """All of them, as permissions name them."""

    def room(self, room: str) -> str:
        """What is published to a room."""
        return self._room + _escape(room)

    def node(self, node: str) -> str:
        """What is told to one server."""
        return self._node + _escape(node)

    def fence(self, connection: str) -> str:
        """What a connection tells itself, to know that everything before has come to NATS."""
        return self._fence + connection


def _escape(name: str) -> str:
    return _SPECIAL.sub(lambda found: b"%%%02X" % found[0][0], name.encode()).decode()
