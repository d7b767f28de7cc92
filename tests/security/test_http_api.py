"""Attacks on the HTTP API: what a key must not open, and that no key is ever told."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hubbub.core import Message, Plugin, PluginConfig, RoomEvent, hookimpl

from ..core.api.calling import SECRET, Answer, ApiForTests, key_with
from ..end_to_end.running_server import RunningServer

TEAM = key_with("team", "team", ["publish", "notify", "read", "control"], ["team-*"])
TEAM_KEY = str(TEAM["key"])
PUBLISHER = key_with("publisher", "publisher", ["publish"])
PUBLISHER_KEY = str(PUBLISHER["key"])


class Mute(RoomEvent, tag="mute", kw_only=True):
    summary = "Silences somebody."
    example = {"type": "mute", "whom": "bob"}
    right = "moderate"

    whom: str


class Moderation(Plugin[PluginConfig]):
    events = (Mute,)

    @hookimpl
    def handle_event(self, event: Mute) -> None:
        raise AssertionError(f"{event.whom} was silenced")


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    enabled: dict[str, object] = {"chat": {}, "presence": {}, "moderation": {}}
    with ApiForTests(enabled, plugins={"moderation": Moderation}, keys=[TEAM, PUBLISHER]) as running:
        yield running


# Rooms


ESCAPES = [
    "/api/rooms/lobby/messages",
    "/api/rooms/%6Cobby/messages",
    "/api/rooms/Team-1/messages",
    "/api/rooms/lobby%2Fteam-1/messages",
    "/api/rooms/team/messages",
    "/api/rooms/xteam-1/messages",
    "/api/rooms/lobby%0Ateam-1/messages",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_a_key_for_some_rooms_publishes_in_no_other(api: ApiForTests, path: str) -> None:
    alice = api.connect("alice")
    assert api.post(path, {"content": "x"}, key=TEAM_KEY).status in (403, 422)
    assert not alice.events


@pytest.mark.parametrize(
    "room", ["team-1%2F..%2Flobby", "team-1%252F..%252Flobby", "team-%2A", "team-1%2Fmessages"]
)
def test_a_name_that_looks_like_a_path_is_a_name_and_nothing_else(api: ApiForTests, room: str) -> None:
    alice = api.connect("alice")
    answer = api.post(f"/api/rooms/{room}/messages", {"content": "x"}, key=TEAM_KEY)
    assert answer.body["room"].startswith("team-")
    assert not alice.events


@pytest.mark.parametrize("name", ["room", "ROOM", "rooms"])
def test_the_room_in_an_event_does_not_win_over_that_of_the_url(api: ApiForTests, name: str) -> None:
    alice = api.connect("alice")
    event = {"type": "message", "content": "x", name: "lobby"}
    answer = api.post("/api/rooms/team-1/events", event, key=TEAM_KEY)
    assert answer.status == (422 if name == "room" else 200)
    assert not alice.events


def test_no_operation_of_a_batch_leaves_the_rooms_of_the_key(api: ApiForTests) -> None:
    alice = api.connect("alice")
    message = {"type": "message", "content": "x"}
    operations = [
        {"do": "publish", "room": "lobby", "content": "x"},
        {"do": "event", "room": "lobby", "event": message},
        {"do": "event", "room": "team-1", "event": {**message, "room": "lobby"}},
        {"do": "event", "room": "team-1", "event": {"type": "private", "to": "alice", "content": "x"}},
        {"do": "notify", "room": "lobby", "message": "x"},
        {"do": "notify", "user": "alice", "message": "x"},
        {"do": "notify", "client": alice.connection.id, "message": "x"},
        {"do": "notify", "message": "x"},
        {"do": "remove", "room": "lobby", "user": "alice"},
        {"do": "disconnect_user", "user": "alice"},
        {"do": "disconnect", "connection": alice.connection.id},
    ]
    answer = api.post("/api/batch", {"operations": operations}, key=TEAM_KEY).body
    assert {each["status"] for each in answer["results"]} <= {403, 422}
    assert not alice.events
    assert alice.close_code is None


@pytest.mark.parametrize(
    "path", ["/api/rooms/lobby/notify", "/api/users/alice/notify", "/notify/alice", "/api/notify"]
)
def test_a_key_for_some_rooms_tells_nobody_elsewhere_anything(api: ApiForTests, path: str) -> None:
    alice = api.connect("alice")
    assert api.post(path, {"message": "x"}, key=TEAM_KEY).status == 403
    assert not alice.events


@pytest.mark.parametrize(
    "path",
    [
        "/api/rooms/lobby",
        "/api/rooms/lobby/members",
        "/api/rooms/lobby/presence",
        "/api/connections",
        "/api/users/alice",
    ],
)
def test_a_key_for_some_rooms_sees_nothing_of_the_others(api: ApiForTests, path: str) -> None:
    api.connect("alice")
    answer = api.get(path, key=TEAM_KEY)
    assert answer.status == 403
    assert api.get("/api/rooms?prefix=lob", key=TEAM_KEY).body == {"rooms": []}


# Scopes


@pytest.mark.parametrize(
    ("type_", "scope"), [("presence", "read"), ("mute", "control")], ids=["a query", "a right of a plugin"]
)
def test_publishing_rights_do_not_reach_what_takes_another_scope(api: ApiForTests, type_: str, scope: str) -> None:
    answer = api.post("/api/rooms/lobby/events", {"type": type_, "whom": "bob"}, key=PUBLISHER_KEY)
    assert (answer.status, answer.body["scope"]) == (403, scope)


@pytest.mark.parametrize("type_", ["join", "leave", "refresh", "help", "ping", "private", "system", "ack"])
def test_events_that_belong_to_a_connection_cannot_be_sent(api: ApiForTests, type_: str) -> None:
    event = {"type": type_, "room": "lobby", "token": "x", "to": "alice", "content": "x"}
    assert api.post("/api/rooms/lobby/events", event, key=PUBLISHER_KEY).status == 422
    assert not api.kit.manager.rooms


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_each_route_asks_for_its_scope_before_it_looks_at_the_body(api: ApiForTests, method: str) -> None:
    paths = {
        "GET": ["/api/rooms", "/api/rooms/lobby/history", "/api/connections", "/api/users/nobody"],
        "DELETE": ["/api/connections/x", "/api/users/nobody/connections", "/api/rooms/lobby/members/nobody"],
        "POST": ["/api/notify", "/api/rooms/lobby/notify", "/notify/nobody"],
    }
    for path in paths[method]:
        answer = api.call(method, path, b'{"message":"x"}', key=PUBLISHER_KEY)
        assert (answer.status, answer.body["code"]) == (403, "forbidden"), path


# Keys


def test_every_key_is_compared_whole_and_none_before_the_others(
    api: ApiForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for key in (TEAM_KEY, PUBLISHER_KEY, "wrong"):
        compared.clear()
        api.get("/api/rooms", key=key)
        assert len(compared) == 2
        assert all(len(each) == 32 for pair in compared for each in pair)


def test_the_answer_to_a_key_that_is_nearly_right_is_that_to_any_other(api: ApiForTests) -> None:
    near, far = api.get("/api/rooms", key=TEAM_KEY[:-1] + "1"), api.get("/api/rooms", key="x")
    assert (near.status, near.text) == (far.status, far.text)


def test_a_remembered_answer_is_for_the_key_that_got_it_alone(api: ApiForTests) -> None:
    again = {"Idempotency-Key": "same"}
    first = api.post("/api/rooms/team-1/messages", {"content": "x"}, key=TEAM_KEY, headers=again)
    other = api.post("/api/rooms/team-1/messages", {"content": "x"}, key=PUBLISHER_KEY, headers=again)
    assert first.status == other.status == 200
    assert "idempotency-replayed" not in other.headers


# Browsers


def is_closed_to_other_origins(answer: Answer) -> bool:
    return not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_page_of_another_origin_can_neither_ask_nor_read(api: ApiForTests) -> None:
    foreign = {"origin": "https://evil.example"}
    preflight = {
        **foreign,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    assert is_closed_to_other_origins(api.call("OPTIONS", "/api/notify", key=None, headers=preflight))
    assert is_closed_to_other_origins(api.get("/api/rooms", key=TEAM_KEY, headers=foreign))
    form = {**foreign, "content-type": "text/plain", "cookie": f"key={TEAM_KEY}"}
    assert api.post("/api/notify", {"message": "x"}, key=None, headers=form).status == 401


def test_nobody_gets_a_connections_notices_by_taking_its_id_for_a_name() -> None:
    with ApiForTests() as api:
        alice = api.connect("alice")
        mallory = api.connect(alice.connection.id)
        alice.take()
        api.post(f"/notify/{alice.connection.id}", {"message": "for alice"})
        assert [each["message"] for each in alice.take("system")] == ["for alice"]
        assert not mallory.events


# What is told


class Talkative(Plugin[PluginConfig]):
    """Fails with everything that it can see."""

    @hookimpl
    def check_event(self, event: Message) -> None:
        raise RuntimeError(f"failed at {event}")


def call(url: str, method: str, headers: dict[str, str], body: bytes | None = None) -> str:
    """All that comes back."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:
            return f"{answer.headers}{answer.read()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.headers}{error.read()}"


@pytest.mark.parametrize("format_", ["json", "text"])
def test_no_key_is_in_any_log_line_or_answer_or_report(tmp_path: Path, format_: str) -> None:
    wrong = "a-wrong-one-0123456789-abcdefghijklmn"
    config: dict[str, object] = {
        "plugins": {"chat": {}},
        "api": {"keys": [{"name": "backend", "key": SECRET, "scopes": ["publish", "read"]}]},
        "logging": {"level": "debug", "access": True, "format": format_},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    server, told = RunningServer(tmp_path), ""
    url = f"http://{server.host}:{server.port}"
    for key in (SECRET, wrong):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        for path in ("/api/rooms", "/api/rooms/lobby/history", "/api/nothing", "/openapi.json", "/docs"):
            told += call(url + path, "GET", headers)
        for body in (b'{"content":"x"}', b"{", b'{"content":5,"x":1}'):
            told += call(f"{url}/api/rooms/lobby/messages", "POST", headers, body)
        told += call(f"{url}/api/notify", "POST", {**headers, "Authorization": f"Basic {key}"}, b"{}")
        told += call(f"{url}/api/notify", "POST", {**headers, "Authorization": key}, b"{}")
        told += call(f"{url}/api/rooms?token={key}", "GET", {})
    server.stop()
    log = "\n".join(server.log.all())
    assert "wrong API key" in log
    assert "/api/rooms" in log
    commands = [[sys.executable, "-m", "hubbub.core.cli", name] for name in ("check", "plugins")]
    reports = [subprocess.run(each, cwd=tmp_path, capture_output=True, text=True) for each in commands]
    told += "".join(each.stdout + each.stderr for each in reports)
    assert "backend: may publish, read" in told
    for key in (SECRET, wrong):
        assert key not in log
        assert key not in told


def test_a_plugin_that_fails_tells_the_caller_nothing() -> None:
    with ApiForTests({"chat": {}, "talkative": {}}, plugins={"talkative": Talkative}) as api:
        answer = api.post("/api/rooms/lobby/messages", {"content": "x", "user": "shop"})
        assert answer.status == 500
        assert "failed at" not in json.dumps(answer.body)
