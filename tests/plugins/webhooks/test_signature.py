"""Signatures of webhooks, by the Standard Webhooks specification."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest
from hubbub.plugins.webhooks.signature import key_of, signatures

from .receivers import SECRET

PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
OTHER_SECRET = "whsec_" + "x" * 32


def is_genuine() -> Callable[[str, Mapping[str, str], bytes], bool]:
    """The function that docs/webhooks.md shows to receivers."""
    found = re.search(r"^```python runnable\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    namespace: dict[str, object] = {}
    exec(found[1], namespace)
    return cast("Callable[[str, Mapping[str, str], bytes], bool]", namespace["is_genuine"])


def headers(body: bytes, *secrets: str, at: int | None = None) -> dict[str, str]:
    timestamp = int(time.time()) if at is None else at
    return {
        "webhook-id": "server-1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures([key_of(each) for each in secrets], "server-1", timestamp, body),
    }


def test_a_signature_is_the_one_of_the_specification() -> None:
    # Made with the specification's own library for Python, standardwebhooks 1.1.0.
    assert signatures([key_of(SECRET)], "7c1b9de52f0a4e63-1", 1795248790, b'{"type":"hubbub.events"}') == (
        "v1,9OGhMVZBGHuTLgy/DfwRiplZpvWFkhSfrwXqlxoFS2I="
    )


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_a_secret_may_have_the_prefix_and_the_padding_or_not(secret: str) -> None:
    assert key_of(secret) == b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "password", "0" * 31, "0" * 88, "0" * 31 + "é", "not base64 at all, but long enough!"]
)
def test_what_is_no_key_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes in base64") as caught:
        key_of(secret)
    assert not secret or secret not in str(caught.value)


def test_the_receiver_of_the_page_takes_what_is_signed_with_the_secret() -> None:
    assert is_genuine()(SECRET, headers(b"{}", SECRET), b"{}")


def test_the_receiver_of_the_page_refuses_everything_else() -> None:
    check, good = is_genuine(), headers(b"{}", SECRET)
    assert not check(SECRET, good, b"{ }")
    assert not check(OTHER_SECRET, good, b"{}")
    assert not check(SECRET, good | {"webhook-id": "server-2"}, b"{}")
    assert not check(SECRET, good | {"webhook-timestamp": str(int(time.time()) - 1)}, b"{}")
    assert not check(SECRET, good | {"webhook-timestamp": "now"}, b"{}")
    assert not check(SECRET, good | {"webhook-signature": "v1,é"}, b"{}")
    assert not check(SECRET, {}, b"{}")


def test_the_receiver_of_the_page_refuses_a_request_that_was_recorded_earlier() -> None:
    assert not is_genuine()(SECRET, headers(b"{}", SECRET, at=int(time.time()) - 400), b"{}")


def test_while_a_key_changes_receivers_with_either_key_are_content() -> None:
    both = headers(b"{}", SECRET, OTHER_SECRET)
    assert is_genuine()(SECRET, both, b"{}")
    assert is_genuine()(OTHER_SECRET, both, b"{}")
