import logging
from typing import cast

import pytest
from hubbub.core.client_address import TrustedProxies, is_secure, normal, subnet
from hypothesis import given
from hypothesis import strategies as st

PROXIES = ["10.0.0.0/8", "192.0.2.1", "2001:db8:aa::/48"]
Scope = dict[str, object]


def settled(
    peer: str | None, *headers: tuple[str, str], proxies: list[str] = PROXIES, type_: str = "websocket"
) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scheme = "ws" if type_ == "websocket" else "http"
    scope: Scope = {"type": type_, "scheme": scheme, "headers": raw, "client": peer and (peer, 4000)}
    address = TrustedProxies(proxies).settle(scope)
    assert address == cast("tuple[str, int]", scope["client"] or ("", 0))[0]
    return scope


def client_of(peer: str | None, *forwarded: str, proxies: list[str] = PROXIES) -> str:
    scope = settled(peer, *(("x-forwarded-for", value) for value in forwarded), proxies=proxies)
    return cast("tuple[str, int]", scope["client"] or ("", 0))[0]


def test_without_a_proxy_a_client_has_the_address_of_its_socket() -> None:
    scope = settled("203.0.113.7", ("host", "a"), proxies=[])
    assert scope["client"] == ("203.0.113.7", 4000)
    assert scope["headers"] == [(b"host", b"a")]
    assert client_of(None) == ""


def test_a_stranger_is_not_believed_and_nobody_later_reads_what_it_said() -> None:
    forged = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "b")]
    for proxies in ([], PROXIES):
        scope = settled("203.0.113.7", ("host", "a"), *forged, ("origin", "c"), proxies=proxies)
        assert scope["client"] == ("203.0.113.7", 4000)
        assert scope["scheme"] == "ws"
        assert scope["headers"] == [(b"host", b"a"), (b"origin", b"c")]


def test_a_trusted_proxy_is_believed_about_its_client_and_the_scheme() -> None:
    scope = settled("10.1.2.3", ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"))
    assert scope["client"] == ("198.51.100.1", 0)
    assert scope["scheme"] == "wss"
    assert settled("10.1.2.3", ("x-forwarded-proto", "WSS, http"), type_="http")["scheme"] == "https"
    assert settled("10.1.2.3", ("x-forwarded-proto", "http"))["scheme"] == "ws"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6, 198.51.100.1, 10.9.9.9, 192.0.2.1"], "198.51.100.1"),
        (["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (["198.51.100.1:1234"], "198.51.100.1"),
        (["[2001:db8::1]:1234"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (["6.6.6.6, 2001:db8:aa::5"], "6.6.6.6"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6,   198.51.100.1  "], "198.51.100.1"),
    ],
)
def test_the_list_is_read_from_the_right_through_hops_that_are_trusted(forwarded: list[str], client: str) -> None:
    assert client_of("10.1.2.3", *forwarded) == client


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "unknown",
        "_hidden",
        "client.example",
        "198.51.100.1:port",
        "198.51.100.256",
        "198.51.100.1/32",
        "[198.51.100.1",
        "[2001:db8::1]x",
        "2001:db8::1%eth0",
        "\u0661.2.3.4".encode().decode("latin-1"),
        "010.1.1.1",
    ],
)
def test_what_is_no_address_ends_the_walk_at_the_last_hop_that_was_one(entry: str) -> None:
    assert client_of("10.1.2.3", f"6.6.6.6, {entry}") == "10.1.2.3"
    assert client_of("10.1.2.3", f"6.6.6.6, {entry}, 10.0.0.5") == "10.0.0.5"


def test_a_proxy_without_the_header_is_the_client_itself() -> None:
    assert client_of("10.1.2.3") == "10.1.2.3"


def test_an_ipv4_address_written_as_ipv6_is_the_same_address() -> None:
    assert client_of("::ffff:203.0.113.7") == "203.0.113.7"
    assert client_of("::ffff:10.1.2.3", "198.51.100.1") == "198.51.100.1"
    assert client_of("10.1.2.3", "198.51.100.1", proxies=["::ffff:10.0.0.0/104"]) == "198.51.100.1"
    assert normal("2001:DB8::0:1") == "2001:db8::1"
    assert normal("no address: none") == "no address: none"


def test_a_unix_socket_is_a_proxy_where_the_config_says_so() -> None:
    assert client_of(None, "198.51.100.1", proxies=["unix"]) == "198.51.100.1"
    assert client_of(None, "198.51.100.1") == ""
    assert client_of("testclient", "198.51.100.1", proxies=["unix"]) == "testclient"


def test_who_looks_like_a_proxy_of_ones_own_is_named_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    proxies = TrustedProxies([])
    for peer in ("8.8.8.8", "127.0.0.1", "127.0.0.1"):
        proxies.settle({"type": "http", "headers": [(b"x-forwarded-for", b"1.1.1.1")], "client": (peer, 1)})
    assert len(caplog.messages) == 1
    assert "127.0.0.1 sends X-Forwarded headers" in caplog.messages[0]
    assert "server.trusted_proxies" in caplog.messages[0]


def test_all_addresses_of_one_ipv6_customer_count_as_one() -> None:
    assert subnet("203.0.113.7") == "203.0.113.7"
    assert subnet("2001:db8::1") == subnet("2001:db8::ffff:0:0:1") == "2001:db8::/64"
    assert subnet("2001:db8:0:1::1") != subnet("2001:db8::1")
    assert subnet("fe80::1%eth0") == "fe80::/64"
    assert subnet("") == ""
    assert subnet("not: an address") == "not: an address"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https", True),
        ("WSS", True),
        (" https , http", True),
        ("http", False),
        ("http, https", False),
        ("", False),
    ],
)
def test_the_scheme_that_the_outermost_proxy_saw_counts(value: str, expected: bool) -> None:
    assert is_secure(value) == expected


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("10.0.0.5/8", r"write 10\.0\.0\.0/8, or 10\.0\.0\.5 for the one address"),
        ("*", "name the proxies"),
        ("proxy.internal", "Names are not looked up"),
        ("10.0.0.0/33", "expected an address"),
        ("", "expected an address"),
    ],
)
def test_what_is_no_proxy_is_refused_with_what_to_write_instead(entry: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        TrustedProxies([entry])


@given(
    st.text(alphabet=st.characters(max_codepoint=255), max_size=100), st.sampled_from(["10.1.2.3", "6.6.6.6", ""])
)
def test_any_header_leaves_an_address_that_the_client_cannot_choose_freely(value: str, peer: str) -> None:
    scope: Scope = {
        "type": "websocket",
        "headers": [(b"x-forwarded-for", f"{value}, 198.51.100.1".encode("latin-1"))] * 2,
        "client": (peer, 1) if peer else None,
    }
    expected = "198.51.100.1" if peer == "10.1.2.3" else peer
    assert TrustedProxies(PROXIES).settle(scope) == expected


@given(st.binary(max_size=200), st.binary(max_size=50), st.binary(max_size=50))
def test_any_bytes_in_the_headers_are_no_error(addresses: bytes, scheme: bytes, host: bytes) -> None:
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    headers = list(zip(names, (addresses, scheme, host), strict=True))
    TrustedProxies(PROXIES).settle({"type": "websocket", "headers": headers, "client": ("10.1.2.3", 1)})
