"""Who somebody is, and what their credentials say besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ..protocol import Json


@dataclass(frozen=True, slots=True)
class Identity:
    """What an auth plugin's ``authenticate`` returns for credentials that it accepts."""

    user: str
    """The name by which others know them."""
    kind: Literal["user", "guest", "service"] = "user"
    """``guest``: nobody vouches for the name. ``service``: the HTTP API or code of the server's own."""
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Json] = field(default_factory=dict[str, Json], repr=False)
    """What else the credentials say, such as the claims of a JWT; never the credentials themselves."""
    rooms: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Rights that the credentials carry: by room pattern, such as ``{"team-*": {"join", "publish"}}``."""
    expires: datetime | None = None
    """When the credentials cease to be good; the connection is closed then unless it was refreshed. Aware."""

    @property
    def is_guest(self) -> bool:
        """Whether nobody vouches for the name."""
        return self.kind == "guest"
