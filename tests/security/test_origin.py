"""Cross-site WebSocket hijacking: a foreign page lets its visitors' browsers connect, with their cookies."""

from __future__ import annotations

from collections.abc import Mapping

from ..end_to_end.conftest import Connect, StartServer
from ..end_to_end.running_server import RunningServer
from .raw_client import Closed, RawClient

EVIL = "https://evil.example"
COOKIE = {"Cookie": "session=of-the-victim"}


def answer(server: RunningServer, headers: Mapping[str, str]) -> dict[str, object] | Closed:
    """The first that a page with these headers gets."""
    with RawClient(server) as page:
        page.handshake("/ws/garden", headers)
        return page.receive()


def is_welcome(event: dict[str, object] | Closed) -> bool:
    return isinstance(event, dict) and event["event"] == "welcome"


def test_a_foreign_page_is_closed_with_4003_before_it_hears_or_says_anything(
    server: RunningServer, connect: Connect
) -> None:
    witness = connect(server, "/ws/garden?user=witness")
    witness.wait_for(event="joined", user="witness")
    closed = answer(server, {"Origin": "https://hijack.example"} | COOKIE)
    assert isinstance(closed, Closed)
    assert closed.code == 4003
    assert "Add https://hijack.example to server.origins" in closed.reason
    assert "server.origins" in server.log.wait_for("hijack.example")
    assert len([line for line in server.log.all() if "hijack.example" in line]) == 1
    witness.send(type="ping", id="1")
    assert witness.receive() == {"type": "pong", "id": "1"}


TRICKS = [
    "null",
    "http://localhost.evil.example",
    "http://{host}.evil.example",
    "http://evil.example/{host}",
    "http://{host}@evil.example",
    "http://evil.example@{host}",
    "http://{host}/",
    "http://{host} http://evil.example",
    "file://",
    "garbage",
    "",
]


def test_no_trick_with_the_origin_makes_a_foreign_page_the_servers_own(server: RunningServer) -> None:
    for trick in TRICKS:
        closed = answer(server, {"Origin": trick.format(host=f"{server.host}:{server.port}")})
        assert isinstance(closed, Closed), trick
        assert closed.code == 4003
        assert "server.origins" in closed.reason


def test_an_origin_sent_twice_is_nobodys(server: RunningServer) -> None:
    with RawClient(server) as page:
        page.ask("/ws", {"Origin": f"http://{page.host}", "origin": EVIL})
        assert page.status() == 400


def test_a_foreign_page_cannot_claim_to_have_come_by_a_proxy(server: RunningServer) -> None:
    closed = answer(server, {"Origin": EVIL, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"})
    assert isinstance(closed, Closed)


def test_the_servers_own_page_and_a_program_come_in(server: RunningServer) -> None:
    assert is_welcome(answer(server, {"Origin": f"http://{server.host}:{server.port}"}))
    assert is_welcome(answer(server, {}))


def test_pages_that_the_config_lists_come_in_and_no_others(start_server: StartServer) -> None:
    server = start_server({"server": {"origins": ["https://*.example.com"]}})
    assert is_welcome(answer(server, {"Origin": "https://app.example.com"}))
    for origin in ("https://example.com.evil.net", "https://evil.net/.example.com", "http://app.example.com"):
        assert isinstance(answer(server, {"Origin": origin}), Closed)


def test_a_star_switches_the_check_off(start_server: StartServer) -> None:
    assert is_welcome(answer(start_server({"server": {"origins": ["*"]}}), {"Origin": EVIL}))


def test_behind_a_trusted_proxy_the_host_that_the_browser_asked_for_counts(start_server: StartServer) -> None:
    server = start_server({"server": {"trusted_proxies": ["127.0.0.1"]}})
    forwarded = {"X-Forwarded-Host": "chat.example.com", "X-Forwarded-Proto": "https"}
    assert is_welcome(answer(server, {"Origin": "https://chat.example.com"} | forwarded))
    assert isinstance(answer(server, {"Origin": EVIL} | forwarded), Closed)
    assert isinstance(answer(server, {"Origin": "http://chat.example.com"} | forwarded), Closed)
