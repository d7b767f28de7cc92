from __future__ import annotations

from ..end_to_end.conftest import Connect, StartServer, connect, start_server, transport

__all__ = ["Connect", "StartServer", "connect", "start_server", "transport"]
