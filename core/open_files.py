"""How many connections the operating system lets this process have."""

from __future__ import annotations

import logging
import resource
from typing import Final

logger = logging.getLogger(__name__)

RESERVE: Final = 64
"""Open files that are no connections of clients: the log, the broker, files that plugins read."""


def allow_sockets(wanted: int) -> int:
    """Raise the process's own limit of open files for ``wanted`` sockets; return how many it has room for.

    Says so in the log where these are fewer.
    """
    files = _raise_limit(wanted + RESERVE)
    sockets = max(files - RESERVE, files // 2, 1)
    if sockets < wanted:
        logger.warning(
            "this process may have %d files open, which is room for %d of the %d connections that "
            "server.max_connections and server.max_handshakes allow; those beyond are cut. Raise the limit "
            "to %d: LimitNOFILE= for systemd, ulimit -n in a shell, --ulimit nofile= for Docker",
            files,
            sockets,
            wanted,
            wanted + RESERVE,
        )
    return min(sockets, wanted)


def _raise_limit(wanted: int) -> int:
    """Raise the soft limit to ``wanted``, or as far as the hard one lets; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    if soft == infinite or soft >= wanted:
        return wanted if soft == infinite else soft
    target = wanted if hard == infinite else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (ValueError, OSError):  # macOS has one more limit, which it does not tell.
        return soft
    return target
