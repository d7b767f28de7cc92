"""Who calls, and what that one may do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..identity import Identity
from ..names import check_room_name
from .config import EVERY_ROOM, ApiKey, Scope
from .problems import ApiError

if TYPE_CHECKING:
    from ..hub import Hub

_LONGEST_EVENT_ID = 64


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an API key, with one request."""

    hub: Hub
    key: ApiKey
    idempotency_key: str | None = None

    def identity(self, user: str | None) -> Identity:
        """In whose name something is published: that of ``user``, else of the key."""
        return Identity(self.key.name if user is None else user, "service")

    def event_id(self, given: str | None, position: int | None = None) -> str | None:
        """The ``id`` of an event: the one given, else one that comes again with the same Idempotency-Key.

        ``position`` is that of the operation in a batch.
        """
        if given is not None or self.idempotency_key is None:
            return given
        made = self.idempotency_key if position is None else f"{self.idempotency_key}.{position}"
        return made if len(made) <= _LONGEST_EVENT_ID else hashlib.sha256(made.encode()).hexdigest()

    def require(self, scope: Scope) -> None:
        """Raise `ApiError` 403 where the key lacks ``scope``."""
        if scope not in self.key.scopes:
            raise ApiError(
                403,
                "forbidden",
                f"The API key {self.key.name!r} lacks the scope {scope}; it has {', '.join(self.key.scopes)}.",
                headers={
                    "WWW-Authenticate": f'Bearer realm="hubbub", error="insufficient_scope", scope="{scope}"'
                },
                scope=scope,
            )

    def require_in(self, room: str, scope: Scope) -> None:
        """Raise `ApiError` 403 where the key may not do this in ``room``, `Rejected` where that is no name."""
        self.require(scope)
        check_room_name(room)
        if not self.may_see(room):
            patterns = ", ".join(self.key.rooms)
            raise ApiError(
                403,
                "forbidden",
                f"The API key {self.key.name!r} may not act in the room {room!r}, but in: {patterns}.",
            )

    def require_everywhere(self, scope: Scope) -> None:
        """Raise `ApiError` 403 where the key may not do what concerns more than single rooms."""
        self.require(scope)
        if EVERY_ROOM not in self.key.rooms:
            raise ApiError(
                403,
                "forbidden",
                f"The API key {self.key.name!r} may act in single rooms alone, and this concerns more: "
                f'it takes a key with rooms: ["{EVERY_ROOM}"].',
            )

    def may_see(self, room: str) -> bool:
        """Whether the key is for ``room``."""
        return self.key.is_for(room)
