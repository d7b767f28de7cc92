"""Tokens on real sockets: they end a connection in time, survive a rotation of keys, and are in no log."""

from __future__ import annotations

import json
import operator
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hubbub.plugins.auth_tokens.token_file import digest_of
from joserfc import jwk
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from ..end_to_end.conftest import Connect, StartServer
from ..end_to_end.running_server import RunningServer
from ..plugins.auth.signing import SECRET, key_for, key_set, sign
from ..plugins.auth.web_server import WebServer, says

LOUD = {"level": "debug", "access": True, "format": "json"}


def visit(
    server: RunningServer,
    query: str = "",
    *,
    headers: dict[str, str] | None = None,
    subprotocols: Sequence[str] = (),
    send: Sequence[object] = (),
) -> tuple[list[dict[str, Any]], int | None, str]:
    """Connect, send, wait for as many answers, and go: what came, and how the server closed."""
    offered = [Subprotocol(each) for each in subprotocols] or None
    events: list[dict[str, Any]] = []
    with open_websocket(
        server.url(f"/ws{query}"), additional_headers=headers, subprotocols=offered, compression=None, proxy=None
    ) as websocket:
        try:
            events += [json.loads(websocket.recv(10)), json.loads(websocket.recv(10))]
            for event in send:
                websocket.send(json.dumps(event))
                events.append(json.loads(websocket.recv(10)))
        except ConnectionClosed as closed:
            frame = closed.rcvd
            return events, frame and frame.code, frame.reason if frame else "no close frame"
    return events, None, ""


def auth_jwt(**options: object) -> dict[str, object]:
    return {"auth_jwt": {"algorithms": ["HS256"], "key": SECRET, "leeway": 0, **options}, "chat": {}}


def test_a_token_that_expires_on_a_live_socket_ends_it_with_4001(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server({"plugins": auth_jwt()})
    soon, later = time.time() + 2, time.time() + 600
    alice = connect(server, f"/ws?token={sign(exp=soon)}")
    renewed = connect(server, f"/ws?token={sign(sub='bob', exp=soon)}")
    renewed.wait_for(event="joined", user="bob")
    renewed.send(type="refresh", token=sign(sub="bob", exp=later), id="1")
    renewed.wait_for(type="ack", id="1")
    assert alice.close_code() == 4001
    assert "expired" in alice.close_reason
    assert time.time() >= soon
    renewed.send(type="ping", id="still here")
    renewed.wait_for(type="pong", id="still here")


def test_a_browser_reads_why_it_was_refused(start_server: StartServer) -> None:
    server = start_server({"plugins": auth_jwt()})
    events, code, reason = visit(server, subprotocols=["hubbub.v1.json", f"bearer.{sign(exp=1)}"])
    assert (events, code, reason) == ([], 4001, "The token has expired: come back with a new one.")


class Visitors:
    """Come again and again, several at a time, with tokens by the key that is in use."""

    def __init__(self, server: RunningServer, key: jwk.Key, count: int = 4) -> None:
        self.key = key
        self.refused: list[object] = []
        self._server = server
        self._visits = [0] * count
        self._changed = threading.Condition()
        self._is_over = False
        self._threads = [threading.Thread(target=self._keep_coming, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        """Return when each of them has been there so many times more."""
        with self._changed:
            goals = [count + more for count in self._visits]
            self._changed.wait_for(lambda: all(map(operator.ge, self._visits, goals)), 40)
            assert all(map(operator.ge, self._visits, goals)), (self._visits, self.refused)

    def stop(self) -> None:
        """Let them come no more."""
        self._is_over = True
        for thread in self._threads:
            thread.join(30)

    def _keep_coming(self, number: int) -> None:
        while not self._is_over:
            token = sign("ES256", key=self.key, sub=f"user-{number}")
            events, code, reason = visit(self._server, f"?token={token}")
            with self._changed:
                if code is not None or events[0]["user"] != f"user-{number}":
                    self.refused.append((code, reason))
                self._visits[number] += 1
                self._changed.notify_all()


def test_key_rotation_under_load_loses_nobody(start_server: StartServer) -> None:
    first, *others = (key_for("ES256", f"2026-{number}") for number in range(3))
    with WebServer(says(key_set(first))) as service:
        options: dict[str, Any] = {"algorithms": ["ES256"], "key": None, "jwks_url": service.url("/jwks.json")}
        server = start_server({"plugins": auth_jwt(**options), "server": {"hook_timeout": 30}})
        visitors = Visitors(server, first)
        try:
            for key in others:
                visitors.wait_for(10)
                # The old key stays in the set, for the tokens that are on their way.
                service.answer = says(key_set(visitors.key, key))
                visitors.key = key
                visitors.wait_for(10)
        finally:
            visitors.stop()
        assert not visitors.refused
        assert 3 <= len(service.requests) <= 10


def test_the_server_starts_while_the_key_url_fails_and_lets_people_in_once_it_answers(
    start_server: StartServer,
) -> None:
    key = key_for("ES256", "only")
    with WebServer(says({}, 503)) as service:
        options: dict[str, Any] = {"algorithms": ["ES256"], "key": None, "jwks_url": service.url("/jwks.json")}
        server = start_server({"plugins": auth_jwt(**options)})
        token = sign("ES256", key=key)
        refused = visit(server, f"?token={token}")
        assert refused[1:] == (1013, "Tokens cannot be checked at the moment; come back soon.")
        assert "it answered 503" in server.log.wait_for("no keys from")
        service.answer = says(key_set(key))
        server.log.wait_for("and 0 for something else")
        events, code, _ = visit(server, f"?token={token}")
        assert (events[0]["user"], code) == ("alice", None)


# Tokens in logs


@pytest.fixture
def backend() -> Iterator[WebServer]:
    with WebServer(says({"user": "alice"})) as backend:
        yield backend


TOKENS = {
    "good": sign(plan="gold-plated"),
    "expired": sign(exp=1),
    "of somebody else": sign(iss="https://evil.example.com", key=key_for("HS256", "another")),
    "cut off": sign()[:-5],
    "garbage": "VGhpcyBpcyBub3QgYSB0b2tlbg.c2VjcmV0LWdhcmJhZ2U.Z2FyYmFnZS1zaWduYXR1cmU",
    "opaque": "hub_0paque-Secret.Of~Somebody+Else/2026",
}


def everywhere(server: RunningServer, token: str) -> None:
    """Bring a token in every way, and in some that are none."""
    visit(server, f"?token={token}")
    visit(server, f"?user=alice&token={token}&since=3")
    visit(server, f"/garden?TOKEN={token}&token={token}")
    visit(server, headers={"Authorization": f"Bearer {token}"})
    visit(server, headers={"authorization": f"bearer   {token}"})
    if all(character not in token for character in "/"):
        visit(server, subprotocols=["hubbub.v1.json", f"bearer.{token}"])
        visit(server, subprotocols=[f"bearer.{token}"])


@pytest.mark.parametrize("plugin", ["auth_jwt", "auth_tokens", "auth_http", "a backend that is away"])
def test_no_token_is_in_any_line_of_any_log(
    start_server: StartServer, tmp_path: Path, backend: WebServer, plugin: str
) -> None:
    (tmp_path / "tokens.yaml").write_text(f"- {{user: alice, sha256: {digest_of(TOKENS['opaque'])}}}")
    plugins: dict[str, dict[str, Any]] = {
        "auth_jwt": auth_jwt(),
        "auth_tokens": {"auth_tokens": {"file": "tokens.yaml"}},
        "auth_http": {"auth_http": {"url": backend.url("/auth")}},
        "a backend that is away": {"auth_http": {"url": "http://127.0.0.1:9/auth"}},
    }
    server = start_server({"plugins": plugins[plugin], "logging": LOUD})
    good = TOKENS["opaque"] if plugin == "auth_tokens" else TOKENS["good"]
    for token in TOKENS.values():
        everywhere(server, token)
        refresh = {"type": "refresh", "token": token, "id": "1"}
        visit(server, headers={"Authorization": f"Bearer {good}"}, send=[refresh, {**refresh, "token": [token]}])
        server.get(f"/?token={token}")
        server.get(f"/nowhere/?token={token}")
    assert server.stop() == 0
    written = "\n".join([*server.log.all(), *server.output.all()])
    assert "[accepted]" in written
    for name, token in TOKENS.items():
        parts = [each for each in (token, *token.split(".")) if len(each) > 6]
        assert not [each for each in parts if each in written or each[:16] in written], name
    assert "gold-plated" not in written
