import pytest
from hubbub.core import Handshake
from hubbub.core.handshake import parse_headers, parse_query
from hubbub.core.testing import HubForTests
from hubbub.protocol import Format
from hypothesis import given
from hypothesis import strategies as st


def test_of_a_repeated_parameter_the_first_counts() -> None:
    assert parse_query(b"user=alice&token=a&user=mallory&token=b") == {"user": "alice", "token": "a"}
    assert parse_query(b"user=&user=mallory") == {"user": ""}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (b"", {}),
        (b"&&=&", {"": ""}),
        (b"user", {"user": ""}),
        (b"user=al%20ice+b", {"user": "al ice b"}),
        (b"user=%E6%97%A5", {"user": "日"}),
        (b"user=%FF%FE", {"user": "\ufffd\ufffd"}),
        (b"user=%zz%", {"user": "%zz%"}),
        (b"a=1=2", {"a": "1=2"}),
    ],
)
def test_a_query_is_read_as_browsers_write_it(query: bytes, parameters: dict[str, str]) -> None:
    assert parse_query(query) == parameters


def test_endless_parameters_are_not_kept() -> None:
    assert len(parse_query(b"&".join(b"k%d=v" % number for number in range(10_000)))) == 100


@given(st.binary(max_size=100))
def test_any_query_is_read(query: bytes) -> None:
    for text in (part for pair in parse_query(query).items() for part in pair):
        text.encode()


def test_headers_are_by_lower_case_name_and_repeated_ones_are_joined() -> None:
    raw = [
        (b"Host", b"a"),
        (b"X-Forwarded-For", b"1.2.3.4"),
        (b"x-forwarded-for", b"5.6.7.8"),
        (b"X-Odd", b"\xe9"),
    ]
    expected = {"host": "a", "x-forwarded-for": "1.2.3.4, 5.6.7.8", "x-odd": "é"}
    assert parse_headers(raw) == expected
    handshake = Handshake(headers=raw)
    assert handshake.headers == expected
    assert handshake.headers is handshake.headers


@pytest.mark.parametrize(
    ("offered", "chosen", "format_"),
    [
        ([], None, Format.JSON),
        (["hubbub.v1.json"], "hubbub.v1.json", Format.JSON),
        (["hubbub.v1.msgpack"], "hubbub.v1.msgpack", Format.MSGPACK),
        (["hubbub.v1.msgpack", "hubbub.v1.json"], "hubbub.v1.msgpack", Format.MSGPACK),
        (["graphql-ws", "hubbub.v1.json"], "hubbub.v1.json", Format.JSON),
        (["graphql-ws", "HUBBUB.V1.JSON"], None, Format.JSON),
        (["bearer.secret"], None, Format.JSON),
    ],
)
def test_the_first_subprotocol_that_is_known_is_chosen(
    offered: list[str], chosen: str | None, format_: Format
) -> None:
    handshake = Handshake(subprotocols=offered)
    assert (handshake.subprotocol, handshake.format) == (chosen, format_)


def test_the_user_of_the_url_is_the_name_and_without_one_a_guest_gets_one() -> None:
    with HubForTests() as hub:
        assert hub.connect("alice").connection.user == "alice"
        guests = [hub.connect().connection.user for _ in range(3)]
        assert len({*guests, "alice"}) == 4
        assert hub.connect("").close_code == 4003


@pytest.mark.parametrize(
    ("room", "expected"), [("", "lobby"), ("garden", "garden"), ("日本", "日本"), ("a/b", "a/b")]
)
def test_the_room_of_the_url_is_entered(room: str, expected: str) -> None:
    with HubForTests() as hub:
        assert hub.connect("alice", room).receive("system", event="welcome")["room"] == expected


@pytest.mark.parametrize("room", ["two words", "a\n", "x" * 129, "\x00"])
def test_a_room_that_no_room_may_be_called_closes_with_the_reason(room: str) -> None:
    with HubForTests() as hub:
        refused = hub.connect("alice", room)
        assert refused.close_code == 4003
        assert "room name" in refused.close_reason
        assert not hub.manager.connections
