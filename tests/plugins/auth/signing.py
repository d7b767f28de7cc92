"""Makes tokens as an app or a sign-in service does, and as those who forge them do."""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import SecurityWarning

SECRET = "a secret of more than thirty-two bytes, for tests alone"
ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA", "Ed25519")


@lru_cache
def key_for(algorithm: str, kid: str | None = None) -> jwk.Key:
    """The private key, or the secret, that signs by ``algorithm``; another one for each ``kid``."""
    if algorithm == "HS256":
        return jwk.OctKey.import_key(SECRET if kid is None else f"{kid} {SECRET}", _parameters(kid))
    if algorithm == "RS256":
        return jwk.RSAKey.generate_key(2048, _parameters(kid))
    if algorithm == "ES256":
        return jwk.ECKey.generate_key("P-256", _parameters(kid))
    return jwk.OKPKey.generate_key("Ed25519", _parameters(kid))


def _parameters(kid: str | None) -> Any:
    return None if kid is None else {"kid": kid}


def as_written(key: jwk.Key) -> str:
    """What a deployer puts into the config: the secret, or the public key as PEM."""
    if isinstance(key, jwk.OctKey):
        return key.raw_value.decode()
    return key.as_pem().decode()


def key_set(*keys: jwk.Key) -> dict[str, Any]:
    """What is at a JWKS URL."""
    return {"keys": [key.as_dict() if isinstance(key, jwk.OctKey) else key.as_dict(private=False) for key in keys]}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, but for the changes; None takes one away."""
    whole = {"sub": "alice", "exp": time.time() + 3600, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def sign(algorithm: str = "HS256", *, key: jwk.Key | None = None, header: Any = None, **changes: Any) -> str:
    """A token with good claims, but for the changes, and a good signature."""
    key = key or key_for(algorithm)
    named = {} if key.kid is None or isinstance(key, jwk.OctKey) else {"kid": key.kid}
    with warnings.catch_warnings(action="ignore", category=SecurityWarning):
        return jwt.encode(
            {"alg": algorithm, **named, **(header or {})},
            claims(**changes),
            key,
            [algorithm],
            registry=_registry(algorithm),
        )


def _registry(algorithm: str) -> Any:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=[algorithm], strict_check_header=False)


def part(value: object) -> str:
    """One part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header: object, secret: bytes, payload: Mapping[str, Any] | bytes | None = None) -> str:
    """A token whose signature is the HMAC by ``secret``, whatever its header says."""
    signed = f"{part(header)}.{part(payload if payload is not None else claims())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"
