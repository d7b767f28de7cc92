import pytest
from hubbub.core.origins import Origins
from hypothesis import given
from hypothesis import strategies as st

HERE = "chat.example.com"


def allows(origin: str, host: str = HERE, *patterns: str, is_secure: bool = False) -> bool:
    return Origins(patterns).allow(origin, host, is_secure=is_secure)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://chat.example.com", "chat.example.com"),
        ("http://chat.example.com", "chat.example.com"),
        ("https://chat.example.com", "chat.example.com:443"),
        ("http://chat.example.com", "chat.example.com:80"),
        ("https://chat.example.com:443", "chat.example.com"),
        ("http://chat.example.com:8000", "chat.example.com:8000"),
        ("https://Chat.EXAMPLE.com", "cHAT.example.com"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]:8000", "[0:0:0:0:0:0:0:1]:8000"),
        ("http://localhost:8000", "localhost:8000"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://under_score.example", "under_score.example"),
    ],
)
def test_a_page_of_the_same_host_and_port_is_let_in(origin: str, host: str) -> None:
    assert allows(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "chat.example.com"),
        ("https://chat.example.com.evil.net", "chat.example.com"),
        ("https://evil-chat.example.com", "chat.example.com"),
        ("https://example.com", "chat.example.com"),
        ("https://a.chat.example.com", "chat.example.com"),
        ("http://chat.example.com:8000", "chat.example.com"),
        ("http://chat.example.com", "chat.example.com:443"),
        ("https://chat.example.com", "chat.example.com:80"),
        ("http://localhost:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::2]:8000"),
        ("ftp://chat.example.com", "chat.example.com"),
        ("chrome-extension://chat.example.com", "chat.example.com"),
        ("https://chat.example.com", ""),
        ("https://chat.example.com", "chat.example.com, evil.example"),
    ],
)
def test_a_page_of_another_host_port_or_scheme_is_refused(origin: str, host: str) -> None:
    assert not allows(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "chat.example.com",
        "//chat.example.com",
        "https://",
        "https:/chat.example.com",
        "https://chat.example.com/",
        "https://chat.example.com/path",
        "https://chat.example.com?",
        "https://chat.example.com#",
        "https://user@chat.example.com",
        "https://evil.example@chat.example.com",
        "https://chat.example.com@evil.example",
        "https://chat.example.com\\@evil.example",
        "https://chat.example.com:",
        "https://chat.example.com:port",
        "https://chat.example.com:1234567",
        "https://chat.example.com, https://evil.example",
        "https://chat.example.com https://evil.example",
        " https://chat.example.com",
        "https://chat.example.com\n",
        "https://chat.example.com\x00.evil.example",
        "https://[::1",
        "https://[::zz]",
        "https://chat\u2024example.com",
        "https://chat.example.com" + "m" * 300,
    ],
)
def test_what_no_browser_sends_is_refused_whatever_is_allowed(origin: str) -> None:
    assert not allows(origin, HERE, "https://*:*", f"https://{HERE}", "https://*.example.com:*")


def test_a_page_without_tls_is_foreign_to_a_server_with_it() -> None:
    assert allows(f"https://{HERE}", HERE, is_secure=True)
    assert not allows(f"http://{HERE}", HERE, is_secure=True)
    assert allows(f"http://{HERE}", HERE, f"http://{HERE}", is_secure=True)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.com:443"),
        ("https://APP.example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:*", "http://localhost:5173"),
        ("http://localhost:*", "http://localhost"),
        ("https://*.example.com", "https://a.example.com"),
        ("https://*.example.com", "https://a.b.example.com"),
        ("https://*.example.com:8443", "https://a.example.com:8443"),
        ("https://*", "https://any.example"),
        ("http://[2001:DB8::1]:8000", "http://[2001:db8:0::1]:8000"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_a_pattern_lets_in_the_pages_that_it_means(pattern: str, origin: str) -> None:
    assert allows(origin, HERE, "https://other.example", pattern)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://app.example.com", "http://app.example.com"),
        ("https://app.example.com", "https://app.example.com:8443"),
        ("https://app.example.com", "https://app.example.com.evil.net"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://evilexample.com"),
        ("https://*.example.com", "https://a.example.com.evil.net"),
        ("https://*.example.com", "https://evil.net/.example.com"),
        ("https://*.example.com", "https://evil.net#.example.com"),
        ("https://*.example.com", "https://evil.net\\.example.com"),
        ("https://*.example.com", "https://evil.net:80.example.com"),
        ("https://*.example.com", "https://user@a.example.com"),
        ("https://*.example.com", "https://a.example.com:8443"),
        ("https://*", "http://any.example"),
        ("http://localhost:*", "http://localhost.evil.net:80"),
    ],
)
def test_a_pattern_never_reaches_into_another_host(pattern: str, origin: str) -> None:
    assert not allows(origin, HERE, pattern)


def test_a_star_lets_in_everybody() -> None:
    origins = Origins(["*"])
    assert origins.allows_all
    assert all(origins.allow(origin, HERE, is_secure=True) for origin in ("null", "https://evil.example", "?"))


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("app.example.com", "starts with its scheme"),
        ("https://app.example.com/", "no path"),
        ("https://app.example.com/chat", "no path"),
        ("null", r"only \* lets them in"),
        ("https://bücher.example", "xn--"),
        ("https://app.*.com", "expected https://"),
        ("https://*example.com", "expected https://"),
        ("https://user@app.example.com", "expected https://"),
        ("https://[::zz]", "expected https://"),
        ("https://", "expected https://"),
        ("", "expected https://"),
    ],
)
def test_what_is_no_pattern_is_refused_with_what_to_write_instead(pattern: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        Origins([pattern])


@given(st.text(max_size=400), st.text(max_size=400), st.booleans())
def test_any_origin_of_any_host_gets_an_answer(origin: str, host: str, is_secure: bool) -> None:
    assert not allows(origin, host, "https://*.example.com", is_secure=is_secure)


@given(st.text(max_size=50))
def test_nothing_that_is_put_around_a_foreign_host_makes_it_a_subdomain(text: str) -> None:
    for origin in (f"https://evil.net{text}.example.com.evil.net", f"https://{text}.example.com.evil.net"):
        assert not allows(origin, HERE, "https://*.example.com")
