"""Tokens that ask for something, are touched, huge, for others or never end; and what is shown of good ones."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ..plugins.auth.signing import ALGORITHMS, SECRET, claims, forge, part, sign
from .attempts import assert_refused, connect, hub_with

# Headers that ask for something


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": None},
        {"crit": 5},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True},
        {"typ": "logout+jwt"},
        {"typ": 5},
        {"enc": "A256GCM", "alg": "dir"},
    ],
)
def test_headers_that_ask_for_what_the_server_does_not_do(header: dict[str, Any]) -> None:
    with hub_with("HS256") as hub:
        assert_refused(hub, forge({"alg": "HS256", **header}, SECRET.encode()))


def test_an_encrypted_token() -> None:
    parts = [part({"alg": "dir", "enc": "A256GCM"}), "", part(b"iv"), part(b"ciphertext"), part(b"tag")]
    with hub_with("HS256") as hub:
        assert_refused(hub, ".".join(parts))
        assert "encrypted" in connect(hub, ".".join(parts)).close_reason


def test_a_header_that_says_things_twice() -> None:
    with hub_with("HS256") as hub:
        for header in (b'{"alg":"none","alg":"HS256"}', b'{"alg":"HS256","alg":"none"}'):
            token = forge(header, b"")
            assert_refused(hub, token)
            assert_refused(hub, f"{token.rpartition('.')[0]}.")


# Signatures


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_that_was_touched(algorithm: str) -> None:
    header, payload, signature = sign(algorithm).split(".")
    with hub_with(algorithm) as hub:
        for touched in (
            "",
            "A" * len(signature),
            signature[:-4],
            f"{signature}AAAA",
            f"{signature}=",
            f"{signature}\n",
            f"{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        ):
            assert_refused(hub, f"{header}.{payload}.{touched}")
        assert_refused(hub, f"{header}.{part(claims(sub='root'))}.{signature}")
        assert_refused(hub, f"{part({'alg': algorithm, 'kid': 'x'})}.{payload}.{signature}")


def test_a_signature_of_nothing_but_zeros_as_java_once_took_it() -> None:
    """CVE-2022-21449: with r and s zero every message was signed."""
    with hub_with("ES256") as hub:
        assert_refused(hub, f"{part({'alg': 'ES256'})}.{part(claims())}.{part(bytes(64))}")


def test_a_signature_is_checked_over_what_is_read() -> None:
    """White space and padding are not passed over: there is one way only to write a token."""
    with hub_with("HS256") as hub:
        token = sign()
        for changed in (f" {token}", token.replace(".", ". ", 1), token.replace(".", "=.", 1), f"{token}."):
            assert_refused(hub, changed)


# Size


def test_a_token_may_have_8_kib_and_not_one_character_more() -> None:
    def of_size(size: int) -> str:
        token = ""
        for filler in range(size * 3 // 4 - 300, size):
            token = sign(filler="x" * filler, exp=2_000_000_000)
            if len(token) >= size:
                break
        return token

    with hub_with("HS256") as hub:
        too_large = of_size(8193)
        assert len(too_large) < 8200
        assert_refused(hub, too_large)
        largest = of_size(8189)
        assert 8189 <= len(largest) <= 8192
        assert connect(hub, largest).close_code is None


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_huge_tokens_are_refused_before_anything_is_done_about_them(size: int) -> None:
    with hub_with("HS256") as hub:
        began = time.perf_counter()
        assert_refused(hub, "a" * size)
        assert_refused(hub, "." * size)
        assert_refused(hub, f"{part({'alg': 'HS256'})}.{'A' * size}.AAAA")
        assert time.perf_counter() - began < 1


@pytest.mark.parametrize("nested", [b"[" * 5000, b'{"alg":' * 800, b'{"alg":"HS256","x":' + b"[" * 5000])
def test_json_that_is_nested_too_deep(nested: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with hub_with("HS256") as hub:
        assert_refused(hub, f"{part(nested)}.{part(claims())}.AAAA")
        assert_refused(hub, forge({"alg": "HS256"}, SECRET.encode(), nested))
    assert "Traceback" not in caplog.text


# For whom, from whom, until when


@pytest.mark.parametrize("aud", [None, "other", ["other"], "chat.example.com.evil.com", "", []])
def test_wrong_aud(aud: object) -> None:
    with hub_with("HS256", audience="chat.example.com") as hub:
        assert_refused(hub, sign(aud=aud))


@pytest.mark.parametrize("iss", [None, "https://evil.example.com", "https://id.example.com.evil.com", "", "null"])
def test_wrong_iss(iss: object) -> None:
    with hub_with("HS256", issuer="https://id.example.com") as hub:
        assert_refused(hub, sign(iss=iss))


@pytest.mark.parametrize("exp", [0, -1, 1, pytest.param(time.time() - 3600, id="an hour ago"), -1e308])
def test_expired(exp: float) -> None:
    with hub_with("HS256") as hub:
        assert_refused(hub, sign(exp=exp))


@pytest.mark.parametrize(
    "exp", [b"NaN", b"Infinity", b"1e999", b'"9999999999"', b"true", b"[9999999999]", b"null"]
)
def test_an_end_that_never_comes(exp: bytes) -> None:
    """Compared with what is no number, no time is ever late."""
    payload = b'{"sub":"alice","exp":' + exp + b"}"
    with hub_with("HS256") as hub:
        assert_refused(hub, forge({"alg": "HS256"}, SECRET.encode(), payload))


def test_a_token_that_expires_on_a_live_connection_ends_it() -> None:
    with hub_with("HS256", leeway=0) as hub:
        alice = connect(hub, sign(exp=time.time() + 30))
        bob = connect(hub, sign(sub="bob", exp=time.time() + 300))
        hub.advance(31)
        alice.say("I should not be here")
        assert alice.close_code == 4001
        assert not bob.take("message")


# In what is shown


def test_no_repr_holds_a_token_or_what_it_claims() -> None:
    with hub_with("HS256") as hub:
        token = sign(plan="gold-plated")
        alice = connect(hub, token)
        shown = repr(
            [alice.connection, alice.connection.identity, hub.hub.plugins, vars(hub.hub.plugins["auth_jwt"])]
        )
        assert not [each for each in (*token.split("."), "gold-plated", SECRET) if each in shown]
