"""A port for a server that is to come back where it was."""

from __future__ import annotations

import os
import socket
import weakref


class KeptPort:
    """A free port that nobody else is given as long as this lives, also while its server is down.

    What is bound to it listens to nothing: a server with ``SO_REUSEADDR`` can.
    """

    def __init__(self) -> None:
        with socket.socket() as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", 0))
            self.number: int = bound.getsockname()[1]
            weakref.finalize(self, os.close, bound.detach())
