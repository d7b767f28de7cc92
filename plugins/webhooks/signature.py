"""Signatures by the Standard Webhooks specification 1.0.0, symmetric scheme ``v1``: standardwebhooks.com."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes that a key may have."""


def key_of(secret: str) -> bytes:
    """The bytes of a secret as the specification writes it. Raise `ValueError`, without it, where it is none."""
    encoded = secret.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(
            f"not a key for signatures: expected {SHORTEST} to {LONGEST} random bytes in base64. "
            "Make one with: openssl rand -base64 32"
        )
    return key


def signatures(keys: Sequence[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature for each key; a receiver needs one that fits."""
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)
