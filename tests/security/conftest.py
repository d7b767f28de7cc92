"""The tests of attacks use running servers, as those from end to end do."""

from __future__ import annotations

from ..end_to_end.conftest import connect, server, shared_server, start_server, transport

__all__ = ["connect", "server", "shared_server", "start_server", "transport"]
