"""Attacks on signatures and keys by name: each is known from somebody else's server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hubbub.plugins.auth_jwt.keys import read_key_set
from joserfc import jwk

from ..plugins.auth.signing import ALGORITHMS, SECRET, claims, forge, key_for, key_set, part, sign
from ..plugins.auth.web_server import WebServer, says
from .attempts import assert_refused, connect, hub_with

# Confusion of algorithms (CVE-2015-9235 and many after it)


def public_key_texts() -> dict[str, bytes]:
    key = key_for("RS256")
    assert isinstance(key, jwk.RSAKey)
    pem = key.as_pem()
    return {
        "PEM": pem,
        "PEM without its last line break": pem.strip(),
        "PEM with the line breaks of Windows": pem.replace(b"\n", b"\r\n"),
        "DER": key.as_der(),
        "the base64 alone": base64.b64encode(key.as_der()),
        "a JSON Web Key": json.dumps(key.as_dict(private=False)).encode(),
    }


@pytest.mark.parametrize("form", public_key_texts())
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "hs256", "RS256"])
def test_alg_confusion_a_token_signed_by_hmac_with_the_rsa_public_key(form: str, alg: str) -> None:
    with hub_with("RS256") as hub:
        assert_refused(hub, forge({"alg": alg, "typ": "JWT"}, public_key_texts()[form]))


@pytest.mark.parametrize("pinned", ALGORITHMS)
@pytest.mark.parametrize("signed", ALGORITHMS)
def test_alg_confusion_any_algorithm_for_any_other(pinned: str, signed: str) -> None:
    """Even a token that the right key has signed is refused, where the config does not have its algorithm."""
    with hub_with(pinned) as hub:
        if pinned == signed:
            assert connect(hub, sign(signed)).connection.user == "alice"
        else:
            assert_refused(hub, sign(signed))
            assert_refused(hub, _renamed(sign(signed), pinned))


def _renamed(token: str, algorithm: str) -> str:
    """The same token, saying that it was signed by another algorithm."""
    _, rest = token.split(".", 1)
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{rest}"


def test_alg_confusion_a_secret_among_the_keys_of_a_url_is_no_key() -> None:
    document = json.dumps(key_set(key_for("HS256", "shared"), key_for("RS256", "public"))).encode()
    keys, others = read_key_set(document, ["RS256"])
    assert ([key.kid for key in keys.keys], others) == (["public"], 1)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", " none", "none\x00"])
@pytest.mark.parametrize("pinned", ALGORITHMS)
def test_alg_none(alg: str, pinned: str) -> None:
    with hub_with(pinned) as hub:
        signed = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims())}"
        assert_refused(hub, f"{signed}.")
        assert_refused(hub, f"{signed}.{part(b'')}x")
        assert_refused(hub, f"{signed}.{sign(pinned).rpartition('.')[2]}")
        assert_refused(hub, signed)


@pytest.mark.parametrize("alg", [None, 5, ["HS256"], {"name": "HS256"}, True])
def test_alg_that_is_no_text(alg: object) -> None:
    with hub_with("HS256") as hub:
        assert_refused(hub, forge({"alg": alg}, SECRET.encode()))
        assert_refused(hub, forge({}, SECRET.encode()))


# Keys that the token brings itself (CVE-2018-0114)


def embedded_keys() -> dict[str, Callable[[jwk.RSAKey, str], dict[str, Any]]]:
    return {
        "jwk": lambda key, _: {"jwk": key.as_dict(private=False)},
        "jku": lambda _, url: {"jku": url},
        "x5u": lambda _, url: {"x5u": url},
        "x5c": lambda key, _: {"x5c": [base64.b64encode(key.as_der()).decode()]},
        "kid that is a URL": lambda _, url: {"kid": url},
    }


@pytest.mark.parametrize("kind", embedded_keys())
def test_a_key_that_the_token_brings_itself_or_names_the_url_of(kind: str) -> None:
    own = key_for("RS256", "attacker")
    assert isinstance(own, jwk.RSAKey)
    with WebServer(says(key_set(own))) as server, hub_with("RS256") as hub:
        header = embedded_keys()[kind](own, server.url("/jwks.json"))
        assert_refused(hub, sign("RS256", key=own, header=header))
        assert not server.requests


# Tricks with the name of the key


KIDS = [
    "../../../../../../dev/null",
    "/dev/null",
    "/proc/sys/kernel/randomize_va_space",
    "file:///dev/null",
    "' UNION SELECT 'secret' -- ",
    "x'; DROP TABLE keys; --",
    "$(touch /tmp/pwned)",
    "key.pem\x00.json",
    "__proto__",
    "",
    "\u0000",
    "\ud800",
    "k" * 5000,
    "%s%s%n{0.__class__}",
    "known\r\nX-Evil: 1",
]


@pytest.mark.parametrize("kid", KIDS)
@pytest.mark.parametrize("secret", [b"", b"\n", b"2\n", b"secret"])
def test_kid_as_a_path_or_an_injection(kid: str, secret: bytes, caplog: pytest.LogCaptureFixture) -> None:
    known = key_for("HS256", "known")
    with hub_with("HS256", json.dumps(key_set(known))) as hub:
        assert_refused(hub, forge({"alg": "HS256", "kid": kid}, secret))
        assert_refused(hub, sign("HS256", key=known, header={"kid": kid}))
        assert connect(hub, sign("HS256", key=known, header={"kid": "known"})).connection.user == "alice"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("kid", [5, ["known"], {"known": 1}, True])
def test_kid_that_is_no_text(kid: object) -> None:
    with hub_with("HS256") as hub:
        assert_refused(hub, forge({"alg": "HS256", "kid": kid}, SECRET.encode()))
