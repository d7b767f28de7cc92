"""Another server of the cluster, and how servers are called."""

from __future__ import annotations

import hashlib
import secrets
import socket

from .cluster_messages import Alive


class Peer:
    """What is known of another server."""

    def __init__(self, node: str, now: float) -> None:
        self.node = node
        self.heard_at = now
        self.clock = -1
        """The number of its changes up to which all are known; -1: none, it was asked for the whole."""
        self.asked_at = float("-inf")
        self.alive: Alive | None = None
        self.connection_prefix = connection_prefix(node)


def node_name(name: str) -> str:
    """The name of this run of a server: no other has it, not even an earlier run of the same server."""
    return f"{name or socket.gethostname()[:40]}-{secrets.token_hex(4)}"


def connection_prefix(node: str) -> str:
    """How the ids of all connections of a server begin, by which every other server knows where they are."""
    return hashlib.sha256(node.encode()).hexdigest()[:12]
