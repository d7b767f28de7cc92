import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hubbub.core.proxy_protocol import MAX_HEADER, BadProxyHeaderError, ProxyHeader, read_proxy_header
from hypothesis import given
from hypothesis import strategies as st

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(payload: bytes, *, version_and_command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + struct.pack("!BBH", version_and_command, family, len(payload)) + payload


IPV4 = binary(bytes([198, 51, 100, 1, 10, 0, 0, 1]) + struct.pack("!HH", 1234, 443))
IPV6 = binary(
    IPv6Address("2001:db8::1").packed + IPv6Address("::1").packed + struct.pack("!HH", 1234, 443), family=0x21
)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 1234 443\r\n", ("198.51.100.1", 1234)),
        (b"PROXY TCP6 2001:DB8::1 ::1 1234 443\r\n", ("2001:db8::1", 1234)),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", ("255.255.255.255", 65535)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        (IPV4, ("198.51.100.1", 1234)),
        (IPV6, ("2001:db8::1", 1234)),
        (binary(IPV4[16:] + b"\x04\x00\x01x"), ("198.51.100.1", 1234)),
        (binary(b"", version_and_command=0x20, family=0), None),
        (binary(b"more", version_and_command=0x20), None),
        (binary(b"", family=0), None),
        (binary(b"/run/a.sock".ljust(216, b"\0"), family=0x31), None),
        (binary(IPV4[16:], family=0x12), None),
    ],
)
def test_a_header_tells_the_client_and_where_it_ends(header: bytes, client: tuple[str, int] | None) -> None:
    assert read_proxy_header(header) == ProxyHeader(client, len(header))
    assert read_proxy_header(header + b"GET / HTTP/1.1\r\n\r\n") == ProxyHeader(client, len(header))
    for size in range(len(header)):
        assert read_proxy_header(header[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"P\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 1234 443\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 1234\r\n",
        b"PROXY TCP4 198.51.100.1  10.0.0.1 1234 443\r\n",
        b"PROXY TCP4 198.51.100.256 10.0.0.1 1234 443\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 1234 443\r\n",
        b"PROXY TCP6 198.51.100.1 10.0.0.1 1234 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1234 443\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 65536 443\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 1234 99999\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 -1 443\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 1_2 443\r\n",
        b"PROXY UDP4 198.51.100.1 10.0.0.1 1234 443\r\n",
        b"proxy TCP4 198.51.100.1 10.0.0.1 1234 443\r\n",
        b"PROXY " + b"A" * 200,
        b"PROXY UNKNOWN " + b"A" * 100 + b"\r\n",
        b"\r\n\r\n\x00\r\nQUIX",
        b"\x16\x03\x01\x02\x00",
        binary(b"", version_and_command=0x11),
        binary(b"", version_and_command=0x22),
        binary(b"short"),
        binary(IPV4[16:], family=0x21),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, MAX_HEADER),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadProxyHeaderError):
        read_proxy_header(data)


def read(data: bytes) -> ProxyHeader | None:
    """Nothing but the refusal is ever raised."""
    try:
        return read_proxy_header(data)
    except BadProxyHeaderError:
        return None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ::", SIGNATURE, SIGNATURE + b"\x21\x11\x00"):
        header = read(start + data)
        assert header is None or 0 < header.size <= len(start) + len(data)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 299))
def test_what_is_refused_is_not_mended_by_more(data: bytes, cut: int) -> None:
    try:
        read_proxy_header(data[:cut])
    except BadProxyHeaderError:
        with pytest.raises(BadProxyHeaderError):
            read_proxy_header(data)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 65535), st.integers(0, 65535), st.binary())
def test_every_ipv4_client_is_told_by_both_versions(
    source: IPv4Address, target: IPv4Address, port: int, to: int, rest: bytes
) -> None:
    line = f"PROXY TCP4 {source} {target} {port} {to}\r\n".encode()
    packed = binary(source.packed + target.packed + struct.pack("!HH", port, to))
    for header in (line, packed):
        assert read_proxy_header(header + rest) == ProxyHeader((str(source), port), len(header))


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(0, 65535), st.binary(max_size=1000))
def test_every_ipv6_client_is_told_by_both_versions(
    source: IPv6Address, target: IPv6Address, port: int, extra: bytes
) -> None:
    line = f"PROXY TCP6 {source} {target} {port} 443\r\n".encode()
    packed = binary(source.packed + target.packed + struct.pack("!HH", port, 443) + extra, family=0x21)
    for header in (line, packed):
        assert read_proxy_header(header) == ProxyHeader((str(source), port), len(header))
