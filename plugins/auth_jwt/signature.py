"""From a token to what it claims: its form, its header and its signature (RFC 7515, RFC 7519 and RFC 8725)."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry

from ...core import Rejected
from ...protocol import Json
from .keys import Algorithm, Keys

LONGEST_TOKEN = 8192
"""Characters."""

_TYPES = {"jwt", "at+jwt"}
"""What ``typ`` may say, without case and ``application/`` (RFC 7519 section 5.1, RFC 9068 section 2.1)."""
_BROKEN = (JoseError, ValueError, TypeError, AttributeError, RecursionError, OverflowError)
"""What joserfc raises for texts that only look like a token."""


class UnknownKeyError(Exception):
    """No key that is known has made the signature: it may be a key that is new, or nobody's."""


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: object = msgspec.UNSET


class _PinnedRegistry(JWSRegistry):
    """joserfc's checks of a header, for the algorithms of the config alone."""

    max_header_length = max_payload_length = max_signature_length = LONGEST_TOKEN

    def get_alg(self, name: str) -> JWSAlgModel:
        # joserfc's own also warns of EdDSA, which RFC 9864 has only given a more exact name.
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class Signatures:
    """Checks signatures by the algorithms of the config."""

    def __init__(self, algorithms: Collection[Algorithm]) -> None:
        self._algorithms: dict[str, Algorithm] = {each: each for each in algorithms}
        # Headers that are not known are ignored (RFC 7515 section 4), but for those in `crit`, refused below.
        self._registry = _PinnedRegistry(algorithms=algorithms, strict_check_header=False)

    def claims_of(self, token: str, keys: Keys) -> dict[str, Json]:
        """What a token claims, whose signature is good.

        Raise `Rejected` ``unauthorized``, or `UnknownKeyError` where another key could have made the signature.
        """
        signed = self._taken_apart(token)
        header = self._header_of(signed)
        candidates = keys.for_token(self._algorithms[header.alg], header.kid)
        if not any(self._is_good(signed, key) for key in candidates):
            if candidates and header.kid is not None:
                raise refused("The signature of the token is wrong.")
            raise UnknownKeyError
        try:
            claims: object = msgspec.json.decode(signed.payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise refused("The claims of the token are no JSON object.")
        return cast("dict[str, Json]", claims)

    def _taken_apart(self, token: str) -> CompactSignature:
        if len(token) > LONGEST_TOKEN:
            raise refused(f"The token is longer than {LONGEST_TOKEN} characters.")
        if token.count(".") == 4:
            raise refused("The token is encrypted; this server takes signed ones.")
        if not looks_like_jwt(token):
            raise refused("The token is no JSON Web Token.")
        try:
            return jws.extract_compact(token.encode("ascii"), registry=self._registry)
        except _BROKEN:
            raise refused("The token is no JSON Web Token.") from None

    def _header_of(self, signed: CompactSignature) -> _Header:
        try:
            header = msgspec.convert(signed.headers(), _Header)
        except (msgspec.ValidationError, RecursionError):
            raise refused("The header of the token is no JSON Web Token's.") from None
        if header.alg not in self._algorithms:
            raise refused("The token is signed with an algorithm that this server does not take.")
        if header.crit is not msgspec.UNSET:
            raise refused("The token asks for extensions (crit) that this server does not have.")
        if header.typ is not None and header.typ.lower().removeprefix("application/") not in _TYPES:
            raise refused("The token is of another kind (typ) than a JWT.")
        return header

    def _is_good(self, signed: CompactSignature, key: Key) -> bool:
        try:
            return jws.validate_compact(signed, key, registry=self._registry)
        except _BROKEN:
            return False


def looks_like_jwt(token: str) -> bool:
    """Whether a text has the three parts of a signed token."""
    return token.count(".") == 2 and token.isascii() and all(token.split(".", 1))


def refused(message: str) -> Rejected:
    """The refusal of a token that is not good; the message never repeats any of it."""
    return Rejected("unauthorized", message)
