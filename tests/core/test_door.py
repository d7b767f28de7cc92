import pytest
from hubbub.core import Connection, Handshake, Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests

FOREIGN = {"host": "chat.example.com", "origin": "https://evil.example"}


def test_a_page_of_another_site_is_closed_with_4003_and_what_to_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with HubForTests() as hub:
        client = hub.connect("alice", headers=FOREIGN)
        assert client.close_code == 4003
        assert client.close_reason == (
            "Add https://evil.example to server.origins: its pages may not connect to chat.example.com."
        )
        assert not hub.manager.connections
    lines = [line for line in caplog.messages if "evil.example" in line]
    assert len(lines) == 1
    assert "server.origins" in lines[0]


def test_the_reason_fits_into_a_close_frame_however_long_the_origin_is() -> None:
    with HubForTests() as hub:
        client = hub.connect(headers={"host": "h" * 200, "origin": f"https://{'a' * 2000}"})
        assert client.close_code == 4003
        assert len(client.close_reason.encode()) <= 123
        assert "server.origins" in client.close_reason


def test_a_page_without_an_origin_is_told_so() -> None:
    with HubForTests() as hub:
        client = hub.connect(headers={"host": "a", "origin": "null"})
        assert client.close_code == 4003
        assert "null" in client.close_reason
        assert len(client.close_reason.encode()) <= 123


def test_the_servers_own_pages_and_those_that_are_no_page_come_in() -> None:
    with HubForTests() as hub:
        assert hub.connect(headers={"host": "a:1", "origin": "http://a:1"}).close_code is None
        assert hub.connect(headers={"host": "a:1"}).close_code is None
        assert hub.connect().close_code is None


def test_pages_that_the_config_lists_come_in() -> None:
    for origins in (["https://*.example"], ["*"]):
        with HubForTests(server={"origins": origins}) as hub:
            assert hub.connect(headers=FOREIGN).close_code is None


def test_behind_a_proxy_the_host_that_the_browser_asked_for_counts() -> None:
    proxied = {"host": "127.0.0.1:8000", "origin": "https://chat.example.com"}
    with HubForTests() as hub:
        assert hub.connect(headers=proxied).close_code == 4003
        told = {**proxied, "x-forwarded-host": "chat.example.com, inner.example"}
        assert hub.connect(headers=told).close_code is None
        assert hub.connect(headers={**told, "x-forwarded-proto": "https"}).close_code is None
        insecure = {**told, "origin": "http://chat.example.com", "x-forwarded-proto": "https"}
        assert hub.connect(headers=insecure).close_code == 4003


def test_a_plugin_never_sees_who_is_turned_away() -> None:
    seen: list[str] = []

    class Watches(Plugin[PluginConfig]):
        @hookimpl
        def authenticate(self, handshake: Handshake) -> None:
            seen.append("authenticate")

        @hookimpl
        def check_connect(self, connection: Connection) -> None:
            seen.append("check_connect")

    with HubForTests({"watches": {}}, plugins={"watches": Watches}) as hub:
        hub.connect(headers=FOREIGN)
        assert not seen
        hub.connect()
        assert seen == ["authenticate", "check_connect"]


def connect(hub: HubForTests, address: str) -> ClientForTests:
    client = hub.connect(address=address)
    if client.close_code is None:
        client.close()
    return client


def test_who_connects_too_often_is_closed_with_1013_and_told_when_to_come_back() -> None:
    with HubForTests(server={"connects_per_minute_per_address": 3}) as hub:
        assert [connect(hub, "192.0.2.1").close_code for _ in range(4)] == [None, None, None, 1013]
        assert "come back in 20 s" in connect(hub, "192.0.2.1").close_reason
        assert "connects_per_minute_per_address" in connect(hub, "192.0.2.1").close_reason
        assert connect(hub, "192.0.2.2").close_code is None
        hub.advance(20)
        assert connect(hub, "192.0.2.1").close_code is None
        assert connect(hub, "192.0.2.1").close_code == 1013


def test_the_addresses_of_one_ipv6_customer_are_counted_together() -> None:
    with HubForTests(server={"connects_per_minute_per_address": 2}) as hub:
        codes = [
            connect(hub, f"2001:db8:0:{network}::{number}").close_code
            for network in (1, 2)
            for number in (1, 2, 3)
        ]
        assert codes == [None, None, 1013] * 2


def test_connections_of_one_ipv6_customer_are_counted_together() -> None:
    with HubForTests(server={"max_connections_per_address": 2}) as hub:
        clients = [hub.connect(address=f"2001:db8::{number}") for number in range(3)]
        assert [client.close_code for client in clients] == [None, None, 1013]
        clients[0].close()
        assert hub.connect(address="2001:db8::9").close_code is None
