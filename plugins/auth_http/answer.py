"""What the backend answered, and what that means for whoever is connecting."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ...core import Identity, Rejected, RoomRights

LONGEST_REASON = 100
"""Characters; a close frame has room for 123 bytes."""
SHORTEST_SECRET = 6
"""Characters: nothing can be learnt from less, and it may stand in any sentence."""
REFUSED = "These credentials are not accepted."


class NoAnswerError(Exception):
    """The backend has not answered the question; the text says why, in no words of the backend's."""


class Refusal(NamedTuple):
    """The backend does not want them."""

    reason: str

    def rejection(self) -> Rejected:
        """What the client is told."""
        return Rejected("unauthorized", self.reason)


Verdict = Identity | Refusal


class _Accepted(BaseModel):
    """The body of a 200."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    user: str = Field(min_length=1)
    groups: frozenset[str] = frozenset()
    rooms: RoomRights = {}
    claims: dict[str, JsonValue] = {}
    expires: AwareDatetime | None = None


def verdict_of(status: int, body: bytes, secrets: Collection[str]) -> Verdict:
    """What an answer means. Raise `NoAnswerError` where it is none.

    ``secrets`` are the credentials, which no reason may repeat.
    """
    if status in (401, 403):
        return Refusal(_reason_in(body, secrets))
    if status != 200:
        redirect = ", and redirects are not followed: write the final URL" if 300 <= status < 400 else ""
        raise NoAnswerError(f"it answered {status}{redirect}")
    try:
        accepted = _Accepted.model_validate_json(body)
    except ValidationError as error:
        raise NoAnswerError(f"its answer cannot be used: {_mistakes_in(error)}") from None
    expires = accepted.expires
    return Identity(
        accepted.user,
        groups=accepted.groups,
        claims=accepted.claims,
        rooms=accepted.rooms,
        expires=None if expires is None else expires.astimezone(UTC),
    )


def is_expired(identity: Identity) -> bool:
    """Whether what the backend said counts no more."""
    return identity.expires is not None and identity.expires <= datetime.now(UTC)


def _mistakes_in(error: ValidationError) -> str:
    """What is wrong where, without the values: they are about people."""
    mistakes = error.errors(include_url=False, include_input=False, include_context=False)
    places = dict.fromkeys(str(details["loc"][0]) for details in mistakes if details["loc"])
    return f"wrong or missing in it: {', '.join(places)}" if places else "it is no JSON object"


def _reason_in(body: bytes, secrets: Collection[str]) -> str:
    """The sentence for the client that the backend has put in ``reason``, where it is one."""
    try:
        read: object = json.loads(body)
    except (ValueError, RecursionError):
        return REFUSED
    reason = cast("dict[str, object]", read).get("reason") if isinstance(read, dict) else None
    if not isinstance(reason, str) or not reason.strip() or not reason.isprintable():
        return REFUSED
    parts = (part for secret in secrets for part in (secret, *re.split(r"[\s;,=]+", secret)))
    if any(part in reason for part in parts if len(part) >= SHORTEST_SECRET):
        return REFUSED
    return reason.strip()[:LONGEST_REASON]
