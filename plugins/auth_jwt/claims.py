"""From what a token claims to who somebody is (RFC 7519 section 4.1)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from pydantic import TypeAdapter, ValidationError

from ...core import Identity, Rejected, RoomRights
from ...protocol import Json
from .config import AuthJwtConfig
from .signature import refused

LAST_SECOND = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Of all dates: what is later was not written in seconds."""

_RIGHTS: TypeAdapter[RoomRights] = TypeAdapter(RoomRights)


class _Registered(msgspec.Struct):
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None
    iss: str | None = None
    aud: str | list[str] | None = None


class Claims:
    """Judges the claims of tokens by the options."""

    def __init__(self, config: AuthJwtConfig) -> None:
        self._config = config
        self._audiences = config.audiences
        self._issuers = config.issuers

    def identify(self, claims: Mapping[str, Json]) -> Identity:
        """Who the claims say that somebody is. Raise `Rejected` ``unauthorized`` or ``expired``."""
        try:
            registered = msgspec.convert(claims, _Registered)
        except (msgspec.ValidationError, OverflowError):
            raise refused("One of the claims exp, nbf, iat, iss and aud is not what it has to be.") from None
        expires = self._check_times(registered)
        self._check_parties(registered)
        return Identity(
            self._user_of(claims),
            groups=self._groups_of(claims),
            claims=claims,
            rooms=self._rooms_of(claims),
            expires=expires,
        )

    def _check_times(self, registered: _Registered) -> datetime | None:
        """When the token ceases to be good, the leeway included."""
        now, leeway = time.time(), self._config.leeway
        for begins in (registered.nbf, registered.iat):
            if begins is not None and begins > now + leeway:
                raise refused("The token is not good yet (nbf, iat): are the clocks right?")
        expires = registered.exp
        if expires is None:
            if self._config.require_expiry:
                raise refused("The token does not say when it expires (exp).")
            return None
        if expires + leeway <= now:
            raise Rejected("expired", "The token has expired: come back with a new one.")
        if expires > LAST_SECOND - leeway:
            raise refused("The token expires (exp) in another age: the time must be in seconds since 1970.")
        return datetime.fromtimestamp(expires + leeway, UTC)

    def _check_parties(self, registered: _Registered) -> None:
        if self._issuers and registered.iss not in self._issuers:
            raise refused("The token is from somebody else (iss) than this server trusts.")
        audience = registered.aud
        if audience is None:
            if self._audiences:
                raise refused("The token does not say for whom it is (aud).")
        elif self._audiences.isdisjoint([audience] if isinstance(audience, str) else audience):
            raise refused("The token is for others (aud) than this server.")

    def _user_of(self, claims: Mapping[str, Json]) -> str:
        user = _at(claims, self._config.user_claim)
        if isinstance(user, int) and not isinstance(user, bool):
            return str(user)  # Against the letter of RFC 7519, but the ids of many a database are numbers.
        if not isinstance(user, str) or not user:
            raise refused("The token does not say who you are.")
        return user

    def _groups_of(self, claims: Mapping[str, Json]) -> frozenset[str]:
        groups = _at(claims, self._config.groups_claim)
        if groups is None:
            return frozenset()
        if isinstance(groups, str):
            return frozenset(groups.split())
        if isinstance(groups, list) and all(isinstance(group, str) for group in groups):
            return frozenset(map(str, groups))
        raise refused("The groups in the token are no list of names.")

    def _rooms_of(self, claims: Mapping[str, Json]) -> RoomRights:
        rooms = _at(claims, self._config.rooms_claim)
        try:
            return {} if rooms is None else _RIGHTS.validate_python(rooms)
        except ValidationError:
            raise refused("The rooms in the token are neither rights by room pattern nor a list.") from None


def _at(claims: Mapping[str, Json], path: str) -> Json:
    """The claim of this name, or at this path; a name may itself have dots, as ``https://example.com/user``."""
    if path in claims:
        return claims[path]
    for index, character in enumerate(path):
        below = claims.get(path[:index]) if character == "." else None
        if isinstance(below, Mapping):
            found = _at(below, path[index + 1 :])
            if found is not None:
                return found
    return None
