"""Tokens on real sockets: they end a connection in time, survive a rotation of keys, and are in no log."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hubbub.plugins.auth_tokens.token_file import digest_of
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


def test_key_rotation_under_load_loses_nobody(start_server: StartServer) -> None:
    keys = [key_for("ES256", f"2026-{number}") for number in range(3)]
    with WebServer(says(key_set(keys[0]))) as service:
        options: dict[str, Any] = {"algorithms": ["ES256"], "key": None, "jwks_url": service.url("/jwks.json")}
        server = start_server({"plugins": auth_jwt(**options), "server": {"hook_timeout": 30}})
        signing = [keys[0]]
        refused: list[object] = []
        visits = [0] * 4

        def keep_coming(number: int, stop: threading.Event) -> None:
            while not stop.is_set():
                token = sign("ES256", key=signing[0], sub=f"user-{number}")
                events, code, reason = visit(server, f"?token={token}")
                if code is not None or events[0]["user"] != f"user-{number}":
                    refused.append((code, reason))
                visits[number] += 1

        stop = threading.Event()
        threads = [threading.Thread(target=keep_coming, args=(number, stop)) for number in range(len(visits))]
        for thread in threads:
            thread.start()
        try:
            for key in keys[1:]:
                reach(visits, 10)
                # The old key stays in the set, for the tokens that are on their way.
                service.answer = says(key_set(signing[0], key))
                signing[0] = key
                reach(visits, 10)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert not refused
        assert 3 <= len(service.requests) <= 10


def reach(visits: list[int], more: int) -> None:
    """Wait until each of those who keep coming has been there so many times more."""
    goals = [count + more for count in visits]
    deadline = time.monotonic() + 40
    while any(count < goal for count, goal in zip(visits, goals, strict=True)):
        assert time.monotonic() < deadline, visits
        threading.Event().wait(0.01)


def test_the_server_starts_without_the_key_url_and_lets_people_in_once_it_answers(
    start_server: StartServer,
) -> None:
    key = key_for("ES256", "only")
    with WebServer() as free:
        port = free.port
    options: dict[str, Any] = {
        "algorithms": ["ES256"],
        "key": None,
        "jwks_url": f"http://127.0.0.1:{port}/jwks.json",
    }
    server = start_server({"plugins": auth_jwt(**options)})
    token = sign("ES256", key=key)
    assert visit(server, f"?token={token}")[1:] == (
        1013,
        "Tokens cannot be checked at the moment; come back soon.",
    )
    assert "Connection refused" in server.log.wait_for("no keys from")
    with WebServer(says(key_set(key)), port=port):
        server.log.wait_for("1 keys from")
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
