"""What is asked and what comes of each answer."""

import logging

import pytest
from hubbub.core import PluginError
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests
from hubbub.plugins.auth_http import AuthHttp

from .fake_backend import FakeBackend, connect, hub_with


def test_whom_the_backend_knows_comes_in_as_it_says(backend: FakeBackend) -> None:
    backend.body = {
        "user": "zoe",
        "groups": ["staff"],
        "rooms": {"team-*": ["join"]},
        "claims": {"plan": {"name": "gold"}},
        "something": "else",
    }
    with hub_with() as hub:
        identity = connect(hub).connection.identity
        assert (identity.user, identity.kind, identity.groups) == ("zoe", "user", {"staff"})
        assert (identity.rooms, identity.claims) == ({"team-*": {"join"}}, {"plan": {"name": "gold"}})
        assert "gold" not in repr(identity)


def test_the_backend_is_told_what_the_client_has_said(backend: FakeBackend) -> None:
    with hub_with(forward_headers=["Cookie", "x-device"]) as hub:
        hub.connect(
            room="garden",
            query={"token": "t0ken", "user": "ali"},
            headers={"cookie": "session=s3ssion", "user-agent": "wscat"},
            address="198.51.100.7",
        )
        assert backend.questions == [
            {
                "token": "t0ken",
                "user": "ali",
                "room": "garden",
                "address": "198.51.100.7",
                "headers": {"cookie": "session=s3ssion"},
            }
        ]


def test_a_cookie_alone_is_enough_to_ask(backend: FakeBackend) -> None:
    with hub_with(forward_headers=["cookie"]) as hub:
        assert hub.connect(headers={"cookie": "session=x"}).connection.user == "alice"
        assert backend.questions[0]["token"] is None


def test_who_brings_nothing_is_refused_without_a_question_or_is_a_guest(backend: FakeBackend) -> None:
    with hub_with(forward_headers=["cookie"]) as hub:
        assert hub.connect("alice").close_code == 4001
    with hub_with(required=False) as hub:
        assert hub.connect("alice").connection.identity.is_guest
    assert not backend.questions


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"reason": "Your trial has ended."}, "Your trial has ended."),
        ({"reason": "x" * 500}, "x" * 100),
        ({"reason": "Bad token t0ken-of-alice"}, "These credentials are not accepted."),
        ({"reason": "Bad session s3ssion-id"}, "These credentials are not accepted."),
        ({"reason": "line\nbreak"}, "These credentials are not accepted."),
        ({"reason": 5}, "These credentials are not accepted."),
        ({"reason": " "}, "These credentials are not accepted."),
        ({}, "These credentials are not accepted."),
        ([], "These credentials are not accepted."),
        (b"<html>Forbidden", "These credentials are not accepted."),
        (b"[" * 50_000, "These credentials are not accepted."),
        (b"\xff", "These credentials are not accepted."),
    ],
)
def test_whom_the_backend_refuses_is_closed_with_4001_and_its_reason(
    backend: FakeBackend, status: int, body: object, reason: str
) -> None:
    backend.status, backend.body = status, body
    with hub_with(forward_headers=["cookie"]) as hub:
        refused = connect(hub, "t0ken-of-alice", headers={"cookie": "session=s3ssion-id; theme=dark"})
        assert (refused.close_code, refused.close_reason) == (4001, reason)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"alice"),
        (200, b'"alice"'),
        (200, b"\xff"),
        (200, b"[" * 50_000),
        (200, {}),
        (200, {"user": ""}),
        (200, {"user": 5}),
        (200, {"user": None}),
        (200, {"user": "alice", "groups": "staff"}),
        (200, {"user": "alice", "rooms": {"a": "join"}}),
        (200, {"user": "alice", "expires": "2999-01-01T00:00:00"}),
        (200, {"user": "alice", "claims": "s3cret"}),
        (204, b""),
        (302, b""),
        (400, {"reason": "no"}),
        (404, {}),
        (500, {"user": "alice"}),
    ],
)
def test_any_other_answer_lets_nobody_in_and_tells_them_to_come_back(
    backend: FakeBackend, caplog: pytest.LogCaptureFixture, status: int, body: object
) -> None:
    backend.status, backend.body = status, body
    with hub_with() as hub:
        unlucky = connect(hub)
        assert (unlucky.close_code, unlucky.close_reason) == (
            1013,
            "Nobody can be let in at the moment; come back soon.",
        )
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert told[0].startswith("https://app.example.com/auth does not say who is connecting: it")
    assert not [secret for secret in ("passw0rd", "t0ken", "s3cret", "alice") if secret in caplog.text]


def test_a_backend_that_does_not_answer_is_told_of_now_and_then(
    backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.failure = "no answer within 3 seconds"
    with hub_with() as hub:
        for number in range(50):
            assert connect(hub, f"t{number}").close_code == 1013
        hub.advance(10)
        assert connect(hub, "t50").close_code == 1013
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 2
    assert told[1].endswith("no answer within 3 seconds; 49 more since the last such line")


# Refresh


def test_a_refresh_asks_with_the_new_token(backend: FakeBackend) -> None:
    with hub_with(forward_headers=["cookie"]) as hub:
        alice = connect(hub, room="garden", headers={"cookie": "session=1"})
        backend.body = {"user": "alice", "groups": ["ops"]}
        alice.send({"type": "refresh", "token": "new", "id": "1"})
        assert alice.receive("ack", id="1")
        assert alice.connection.identity.groups == {"ops"}
        asked = backend.questions[1]
        assert (asked["token"], asked["room"], asked["headers"]) == ("new", "garden", {})


def test_a_refresh_while_the_backend_is_away_can_be_tried_again(backend: FakeBackend) -> None:
    with hub_with() as hub:
        alice = connect(hub)
        backend.failure = "cannot connect: Connection refused"
        alice.send({"type": "refresh", "token": "new", "id": "1"})
        error = alice.receive("error", id="1")
        assert (error["code"], error["retryable"]) == ("unavailable", True)
        assert alice.close_code is None


# The options


@pytest.mark.parametrize(
    "url", ["", "app.example.com", "ftp://app.example.com", "https://", "https://a b/", "/auth"]
)
def test_a_url_that_cannot_be_asked_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigError, match=r"plugins\.auth_http\.url: not a URL to post to"):
        hub_with(url=url)


def test_rooms_cannot_have_options_of_their_own() -> None:
    rooms = {"options": {"vip": {"plugins": {"auth_http": {"timeout": 1}}}}}
    with pytest.raises(PluginError, match=r"remove it from rooms\.options\.vip"):
        HubForTests({"auth_http": {"url": "http://a/"}}, plugins={"auth_http": AuthHttp}, rooms=rooms)
