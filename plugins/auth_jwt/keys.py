"""The keys by which signatures are checked, and which algorithm fits which key."""

from __future__ import annotations

import base64
import binascii
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Algorithm: TypeAlias = Literal["HS256", "RS256", "ES256", "EdDSA", "Ed25519"]

NEEDED: Mapping[Algorithm, str] = {
    "HS256": "a secret",
    "RS256": "an RSA public key",
    "ES256": "a public key of the curve P-256",
    "EdDSA": "an Ed25519 public key",
    "Ed25519": "an Ed25519 public key",
}
"""What each algorithm checks signatures with (RFC 7518, RFC 8037 and RFC 9864)."""

SHORTEST_SECRET = 32
"""Bytes (RFC 7518 section 3.2)."""
SHORTEST_RSA_KEY = 2048
MOST_TRIED = 8
"""Keys that a token without a ``kid`` may be tried with."""

_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What joserfc and cryptography raise for a key that is none."""


class KeyProblem(ValueError):
    """A key that cannot be used; the text tells the deployer what to do and holds no part of the key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that may have signed a token."""

    keys: tuple[Key, ...] = field(default=(), repr=False)

    def for_token(self, algorithm: Algorithm, kid: str | None) -> list[Key]:
        """Those that fit what a token says of its signature; a key without a ``kid`` fits any."""
        fitting = [key for key in self.keys if fits(key, algorithm)]
        if kid is not None:
            fitting = [key for key in fitting if key.kid == kid] or [key for key in fitting if key.kid is None]
        return fitting[:MOST_TRIED]


def fits(key: Key, algorithm: Algorithm) -> bool:
    """Whether a signature by ``algorithm`` may be checked with ``key``."""
    if algorithm == "EdDSA" and not (isinstance(key, OKPKey) and key.curve_name == "Ed25519"):
        return False
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return True


def read_keys(text: str, algorithms: Sequence[Algorithm]) -> Keys:
    """The keys in what a deployer wrote: a secret, PEM blocks, a JSON Web Key or a set of them.

    Raise `KeyProblem` where one is weak or private, or where the algorithms and the keys do not fit each other.
    """
    stripped = text.strip()
    if "-----BEGIN" in stripped:
        # In an environment variable the line breaks have often become a backslash and an n.
        blocks = _PEM.finditer(stripped.replace("\\n", "\n"))
        keys = [_from_pem(block[0], block[1]) for block in blocks]
    elif stripped.startswith("{"):
        keys = _from_json(stripped)
    elif stripped.startswith(("ssh-", "ecdsa-")):
        raise KeyProblem("this is an SSH key; write it as PEM: ssh-keygen -e -m PKCS8 -f key.pub")
    else:
        keys = [_without_armour(stripped) or _from_secret(text)]
    if not keys:
        raise KeyProblem("there is no whole key in it: a PEM block ends with a line -----END …-----")
    for key in keys:
        _check_quality(key)
    _check_fit(keys, algorithms)
    return Keys(tuple(keys))


def read_key_set(document: bytes, algorithms: Sequence[Algorithm]) -> tuple[Keys, int]:
    """The keys of a JSON Web Key Set (RFC 7517 section 5) that fit ``algorithms``, and how many others it has.

    Raise `KeyProblem` where it is no such set.
    """
    found: list[Key] = []
    entries = _entries(document)
    for entry in entries:
        try:
            key = _from_jwk(entry)
            _check_quality(key)
        except (
            KeyProblem
        ):  # Keys for something else are no mistake (section 5), such as those of newer algorithms.
            continue
        if any(fits(key, algorithm) for algorithm in algorithms):
            found.append(key)
    return Keys(tuple(found)), len(entries) - len(found)


def _entries(document: str | bytes) -> list[object]:
    try:
        read: object = json.loads(document)
    except (ValueError, RecursionError):
        raise KeyProblem("it is not JSON") from None
    entries = cast("dict[str, object]", read).get("keys") if isinstance(read, dict) else None
    if not isinstance(entries, list):
        raise KeyProblem('it is not a JSON Web Key Set, {"keys": [...]}')
    return cast("list[object]", entries)


def _from_json(text: str) -> list[Key]:
    try:
        read: object = json.loads(text)
    except (ValueError, RecursionError):
        raise KeyProblem("it starts like a JSON Web Key, but is not JSON") from None
    if isinstance(read, dict) and "kty" in read:
        return [_from_jwk(cast(object, read))]
    return [_from_jwk(entry) for entry in _entries(text)]


def _from_jwk(entry: object) -> Key:
    if not isinstance(entry, dict):
        raise KeyProblem("an entry of the key set is not an object")
    members = cast("dict[str, str | list[str]]", entry)
    try:
        with _without_warnings():
            return JWKRegistry.import_key(members)
    except _UNREADABLE:
        raise KeyProblem(f"a JSON Web Key cannot be used ({_kind_of(members)})") from None


def _kind_of(members: Mapping[str, object]) -> str:
    kind = members.get("kty")
    return (
        f"kty {kind}"
        if isinstance(kind, str) and kind in JWKRegistry.key_types
        else "kty is none of oct, RSA, EC and OKP"
    )


def _from_pem(block: str, label: str) -> Key:
    if "PRIVATE" in label:
        raise _private()
    for kind in (RSAKey, ECKey, OKPKey):
        key = _imported(kind, block.encode())
        if key is not None:
            return key
    raise KeyProblem(f"the PEM block {label!r} is not a public key that can be used")


def _without_armour(text: str) -> Key | None:
    """The public key in a text that is only the base64 of one, as some administration pages show it."""
    try:
        der = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return None
    return next((key for kind in (RSAKey, ECKey, OKPKey) if (key := _imported(kind, der)) is not None), None)


def _from_secret(text: str) -> Key:
    try:
        with _without_warnings():
            return OctKey.import_key(text.encode())
    except _UNREADABLE:
        raise KeyProblem("it is neither a secret nor a key in PEM or JSON") from None


def _imported(kind: type[RSAKey | ECKey | OKPKey], data: bytes) -> Key | None:
    try:
        with _without_warnings():
            return kind.import_key(data)
    except _UNREADABLE:
        return None


def _without_warnings() -> warnings.catch_warnings[None]:
    """What joserfc only warns of is refused here, in words of our own."""
    return warnings.catch_warnings(action="ignore", category=SecurityWarning)


def _private() -> KeyProblem:
    return KeyProblem(
        "this is a private key, which has no place here; write its public half: "
        "openssl pkey -in private.pem -pubout"
    )


def _check_quality(key: Key) -> None:
    if isinstance(key, OctKey):
        if len(key.raw_value) < SHORTEST_SECRET:
            raise KeyProblem(
                f"a secret of {len(key.raw_value)} bytes can be guessed; it needs {SHORTEST_SECRET} at least. "
                f"This makes one: {_MAKE_ONE}"
            )
    elif key.is_private:
        raise _private()
    elif isinstance(key, RSAKey) and key.raw_value.key_size < SHORTEST_RSA_KEY:
        raise KeyProblem(
            f"an RSA key of {key.raw_value.key_size} bits is too weak; use {SHORTEST_RSA_KEY} or more"
        )


def _check_fit(keys: Sequence[Key], algorithms: Sequence[Algorithm]) -> None:
    """See to it that every key is for an algorithm of the list, and every algorithm has a key."""
    useful = [each for each in NEEDED if any(fits(key, each) for key in keys)]
    remedy = f"Write algorithms: [{', '.join(useful)}], or change the key." if useful else "Change the key."
    for algorithm in algorithms:
        if algorithm not in useful:
            is_public = algorithm == "HS256" and not any(isinstance(key, OctKey) for key in keys)
            danger = ": everybody may have a public key, and could sign tokens with it" if is_public else ""
            raise KeyProblem(f"{algorithm} needs {NEEDED[algorithm]}, and this is none{danger}. {remedy}")
    for key in keys:
        if not any(fits(key, algorithm) for algorithm in algorithms):
            raise KeyProblem(f"one of the keys fits none of the algorithms ({', '.join(algorithms)}). {remedy}")
