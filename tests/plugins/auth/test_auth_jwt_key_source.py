"""Keys from a URL, on a clock of the tests' own: what happens when, and what happens while the URL fails."""

import json
import logging
from collections.abc import Callable
from typing import Any

import hubbub.plugins.auth_jwt.fetch
import pytest
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.auth_jwt import AuthJwt
from hubbub.plugins.auth_jwt.key_source import COOLDOWN, MOST_WAITING, FetchError
from joserfc import jwk

from .signing import key_for, key_set, sign

A, B, C = (key_for("ES256", kid) for kid in "abc")


class SignInService:
    """What is at the URL, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[jwk.Key] = [A]
        self.document: bytes | None = None
        self.failure = ""
        self.takes = 0.0
        self.asked = 0

    async def fetch(self, url: str, timeout: float) -> bytes:  # noqa: ASYNC109
        import asyncio

        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.failure:
            raise FetchError(self.failure)
        return self.document if self.document is not None else json.dumps(key_set(*self.keys)).encode()


Start = Callable[..., HubForTests]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SignInService:
    service = SignInService()
    monkeypatch.setattr(hubbub.plugins.auth_jwt.fetch, "fetch", service.fetch)
    return service


def hub_with(**options: object) -> HubForTests:
    whole = {"algorithms": ["ES256"], "jwks_url": "https://user:passw0rd@id.example.com/keys?x=y", **options}
    return HubForTests({"chat": {}, "auth_jwt": whole}, plugins={"auth_jwt": AuthJwt})


def connect(hub: HubForTests, key: jwk.Key = A, **changes: Any) -> ClientForTests:
    return hub.connect(query={"token": sign("ES256", key=key, **changes)})


def test_the_keys_are_there_when_the_server_has_started(service: SignInService) -> None:
    with hub_with() as hub:
        assert service.asked == 1
        assert connect(hub).connection.user == "alice"


def test_the_keys_are_fetched_again_and_again(service: SignInService) -> None:
    with hub_with(jwks_refresh=60) as hub:
        hub.advance(50)
        assert service.asked == 1
        hub.advance(11)
        assert service.asked == 2
        hub.advance(600)
        assert 11 <= service.asked <= 14


def test_a_token_with_a_new_key_is_judged_by_the_next_set(service: SignInService) -> None:
    with hub_with() as hub:
        hub.advance(COOLDOWN)
        service.keys = [A, B]
        assert connect(hub, B).connection.user == "alice"
        assert service.asked == 2
        assert connect(hub, A).connection.user == "alice"


def test_a_rotation_under_load_loses_nobody_and_asks_once(service: SignInService) -> None:
    service.takes = 0.5
    with hub_with() as hub:
        hub.advance(10)
        service.keys = [B]
        clients = [connect(hub, B, sub=f"user-{number}") for number in range(200)]
        assert not hub.manager.connections
        hub.advance(0.5)
        assert all(client.connection.user == f"user-{number}" for number, client in enumerate(clients))
        assert service.asked == 2


def test_keys_that_are_made_up_cause_no_flood_and_are_refused(service: SignInService) -> None:
    with hub_with() as hub:
        hub.advance(10)
        strangers: list[ClientForTests] = []
        for number in range(100):
            strangers.append(connect(hub, C, header={"kid": f"made-up-{number}"}))
            hub.advance(0.1)
        hub.advance(COOLDOWN)
        assert {stranger.close_code for stranger in strangers} == {4001}
        assert service.asked <= 2 + 12 / COOLDOWN


def test_a_key_that_is_new_within_the_cooldown_is_waited_for(service: SignInService) -> None:
    with hub_with() as hub:
        hub.advance(10)
        connect(hub, C)  # Somebody's token with a key that nobody has: the set is fetched for it.
        service.keys = [B]
        alice = connect(hub, B)
        assert alice.close_code is None
        assert not hub.manager.connections
        hub.advance(COOLDOWN)
        assert alice.connection.user == "alice"


def test_a_set_of_keys_without_kid_can_be_rotated_too(service: SignInService) -> None:
    old, new = key_for("ES256"), jwk.ECKey.generate_key("P-256")
    service.keys = [old]
    with hub_with() as hub:
        hub.advance(10)
        assert connect(hub, old).connection.user == "alice"
        service.keys = [new]
        assert connect(hub, new).connection.user == "alice"
        hub.advance(10)
        assert connect(hub, old).close_code == 4001


def test_a_key_that_was_taken_back_counts_no_more(service: SignInService) -> None:
    with hub_with(jwks_refresh=60) as hub:
        service.keys = [B]
        hub.advance(61)
        former = connect(hub, A)
        hub.advance(COOLDOWN)  # It could be the token of a key that is newer than the set.
        assert former.close_code == 4001


def test_keys_for_something_else_are_passed_over(service: SignInService) -> None:
    entries = [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": ["x"]},
        "nonsense",
        {**B.as_dict(private=False), "use": "enc"},
        key_for("HS256").as_dict(),
        key_for("RS256").as_dict(private=False),
        A.as_dict(private=False),
    ]
    service.document = json.dumps({"keys": entries}).encode()
    with hub_with() as hub:
        assert connect(hub, A).connection.user == "alice"
        hub.advance(COOLDOWN)
        assert connect(hub, B).close_code == 4001


# While the URL fails


def test_the_last_keys_count_while_the_url_fails_but_not_for_ever(
    service: SignInService, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with(jwks_refresh=60, jwks_max_stale=1000) as hub:
        hub.advance(10)
        service.failure = "it answered 503"
        hub.advance(1000)
        assert connect(hub).connection.user == "alice"
        hub.advance(100)
        late = connect(hub)
        assert late.close_code == 1013
        assert "come back soon" in late.close_reason
        service.failure = ""
        hub.advance(61)
        assert connect(hub, sub="bob").connection.user == "bob"
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert told[0] == (
        "no keys from https://id.example.com/keys: it answered 503; trying again, the last ones count meanwhile"
    )
    assert len(told) < 25
    assert "passw0rd" not in caplog.text


def test_the_server_starts_without_keys_and_tells_clients_to_come_back(
    service: SignInService, caplog: pytest.LogCaptureFixture
) -> None:
    service.failure = "cannot connect: Connection refused"
    with hub_with() as hub:
        assert connect(hub).close_code == 1013
        assert "nobody with a token is let in" in caplog.text
        service.failure = ""
        hub.advance(5)
        assert connect(hub).connection.user == "alice"


def test_a_url_that_hangs_holds_up_neither_the_start_nor_a_client_for_long(service: SignInService) -> None:
    service.takes = 1000.0
    with hub_with() as hub:
        before = hub.manager.now()
        assert connect(hub).close_code == 1013
        assert hub.manager.now() - before < 1


def test_who_waits_for_a_fetch_that_fails_is_told_to_come_back(service: SignInService) -> None:
    with hub_with() as hub:
        hub.advance(10)
        service.failure = "it answered 500"
        assert connect(hub, B).close_code == 1013
        assert connect(hub, A).connection.user == "alice"


def test_only_so_many_wait_for_a_fetch_at_the_same_time(service: SignInService) -> None:
    with hub_with() as hub:
        hub.advance(10)
        service.takes = 0.5
        waiting = [connect(hub, B) for _ in range(MOST_WAITING)]
        assert connect(hub, B).close_code == 1013
        assert {client.close_code for client in waiting} == {None}
        hub.advance(10)
        assert {client.close_code for client in waiting} == {4001}


def test_who_waits_while_the_server_stops_is_told_to_come_back(
    service: SignInService, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with() as hub:
        hub.advance(10)
        service.takes = 1.0
        alice = connect(hub, B)
        assert alice.close_code is None
    assert alice.close_code == 1013
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_guests_come_in_while_there_are_no_keys(service: SignInService) -> None:
    service.failure = "it answered 500"
    with hub_with(required=False) as hub:
        assert hub.connect().connection.identity.is_guest
        assert connect(hub).close_code == 1013


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b"\xff",
        b"[" * 50_000,
        b'{"keys": [{}, 1, {"kty": 1}]}',
    ],
)
def test_an_answer_that_is_no_key_set_is_a_failure(service: SignInService, document: bytes) -> None:
    service.document = document
    with hub_with() as hub:
        assert connect(hub).close_code == 1013
        service.document = None
        hub.advance(5)
        assert connect(hub).connection.user == "alice"


def test_where_all_keys_are_taken_back_the_old_ones_count_no_more(service: SignInService) -> None:
    with hub_with(jwks_refresh=60) as hub:
        service.document = b'{"keys": []}'
        hub.advance(61)
        assert connect(hub).close_code == 1013


def test_a_url_without_tls_is_warned_of_unless_it_is_this_machine(
    service: SignInService, caplog: pytest.LogCaptureFixture
) -> None:
    with hub_with(jwks_url="http://127.0.0.1/keys"), hub_with(jwks_url="https://id.example.com/keys"):
        assert "is not https" not in caplog.text
    with hub_with(jwks_url="http://id.example.com/keys"):
        assert "is not https" in caplog.text
