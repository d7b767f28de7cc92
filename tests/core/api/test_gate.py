"""Who gets in, with what body, and what those get who do not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message

from .calling import KEY, SECRET, ApiForTests, key_with

MESSAGE = {"content": "Hello!"}
ROUTES = [
    ("POST", "/api/rooms/lobby/messages"),
    ("GET", "/api/rooms"),
    ("DELETE", "/api/users/alice/connections"),
    ("POST", "/notify/alice"),
    ("GET", "/api"),
    ("GET", "/api/nothing/here"),
    ("BREW", "/api/rooms"),
]


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


def is_problem(answer: Any, status: int, code: str) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["type"] == "about:blank"
    assert answer.body["status"] == answer.status
    assert answer.body["title"]
    return (answer.status, answer.body["code"]) == (status, code)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_in_the_config_every_address_says_that_the_api_is_off(method: str, path: str) -> None:
    with ApiForTests(keys=[]) as api:
        answer = api.call(method, path, b"{}")
        assert is_problem(answer, 503, "api_off")
        assert "api.keys" in answer.body["detail"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", f"Basic {SECRET}", SECRET, "Bearer \xff"])
def test_without_a_key_every_address_is_closed(
    api: ApiForTests, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = api.call(method, path, b"no json", key=None, headers=headers)
    assert is_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_key_is_refused_as_one(api: ApiForTests) -> None:
    for wrong in (SECRET[:-1], SECRET + "x", SECRET.upper(), "x" * 10_000):
        answer = api.get("/api/rooms", key=wrong)
        assert is_problem(answer, 401, "unauthorized")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert wrong not in answer.text


def test_two_authorization_headers_are_one_too_many(api: ApiForTests) -> None:
    assert api.get("/api/rooms", headers={"Authorization": f"Bearer {SECRET}"}).status == 401


def test_the_scheme_may_be_written_in_any_case(api: ApiForTests) -> None:
    assert api.get("/api/rooms", key=None, headers={"authorization": f"bEARER  {SECRET} "}).status == 200


def test_a_key_of_which_the_config_has_only_the_hash_opens() -> None:
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    with ApiForTests(keys=[{**KEY, "key": f"sha256:{digest.upper()}"}]) as api:
        assert api.get("/api/rooms").status == 200
        assert api.get("/api/rooms", key=f"sha256:{digest}").status == 401
        assert api.get("/api/rooms", key=digest).status == 401


def test_a_key_in_the_url_or_in_a_cookie_does_not_count(api: ApiForTests) -> None:
    assert api.get(f"/api/rooms?token={SECRET}&key={SECRET}", key=None).status == 401
    assert api.get("/api/rooms", key=None, headers={"cookie": f"token={SECRET}"}).status == 401


def test_who_guesses_keys_must_wait_while_others_and_right_keys_do_not(api: ApiForTests) -> None:
    statuses = [api.get("/api/rooms", key=f"guess {number}").status for number in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    answer = api.get("/api/rooms", key="guess")
    assert is_problem(answer, 429, "rate_limited")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert api.get("/api/rooms").status == 200
    assert api.get("/api/rooms", key="guess", address="203.0.113.10").status == 401
    api.kit.advance(60)
    assert api.get("/api/rooms", key="guess").status == 401


def test_an_unknown_address_and_an_unknown_method_are_problems_too(api: ApiForTests) -> None:
    assert is_problem(api.get("/api/nothing"), 404, "not_found")
    assert is_problem(api.get("/api/rooms/"), 404, "not_found")
    assert is_problem(api.get("/nothing", key=None), 404, "not_found")
    answer = api.call("PUT", "/api/rooms/lobby/messages", b"{}")
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert "POST" in answer.body["detail"]


def test_no_answer_of_the_api_may_be_kept_by_a_cache(api: ApiForTests) -> None:
    for answer in (api.get("/api/rooms"), api.get("/api/rooms", key=None), api.get("/api/nothing")):
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": ""},
        {"content-type": "application/jsonx"},
        {"content-encoding": "gzip"},
    ],
)
def test_a_body_that_is_not_declared_as_json_is_refused(api: ApiForTests, headers: dict[str, str]) -> None:
    answer = api.post("/api/rooms/lobby/messages", MESSAGE, headers=headers)
    assert is_problem(answer, 415, "unsupported_media_type")


def test_the_media_type_may_have_parameters_and_any_case(api: ApiForTests) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert api.post("/api/rooms/lobby/messages", MESSAGE, headers=headers).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"content":NaN}',
        b'{"content":"\\ud800"}',
        b'{"content":"\xff"}',
        b"[" * 5000 + b"]" * 5000,
        b"1",
    ],
)
def test_what_is_no_json_object_is_refused_and_nothing_is_published(api: ApiForTests, body: bytes) -> None:
    alice = api.connect("alice")
    answer = api.call("POST", "/api/rooms/lobby/messages", body)
    assert answer.status in (400, 422)
    assert is_problem(answer, answer.status, "bad_json" if answer.status == 400 else "invalid")
    assert not alice.events


def test_a_body_is_bounded_whether_its_length_is_told_or_not() -> None:
    with ApiForTests(api={"max_body": 1024}, server={"max_frame_size": 2048}) as api:
        fits = b'{"content":"%s"}' % (b"x" * 900)
        assert api.call("POST", "/api/rooms/lobby/messages", fits).status == 200
        large = b'{"content":"%s"}' % (b"x" * 1024)
        answer = api.call("POST", "/api/rooms/lobby/messages", large)
        assert is_problem(answer, 413, "too_large")
        assert "api.max_body" in answer.body["detail"]
        assert api.call("POST", "/api/rooms/lobby/messages", b"", headers={"content-length": "9999"}).status == 413


def test_a_body_that_never_ends_is_left_at_the_limit() -> None:
    chunks = 0

    async def endless() -> Message:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    with ApiForTests(api={"max_body": 4096}) as api:
        assert api.call("POST", "/api/notify", receive=endless).status == 413
    assert chunks == 5


def test_a_caller_that_hangs_up_within_the_body_publishes_nothing(api: ApiForTests) -> None:
    alice, messages = api.connect("alice"), iter([b'{"content":', None])

    async def receive() -> Message:
        body = next(messages)
        return (
            {"type": "http.disconnect"} if body is None else {"type": "http.request", "body": body, "more_body": 1}
        )

    assert api.call("POST", "/api/rooms/lobby/messages", receive=receive).status == 400
    assert not alice.events


def test_a_stranger_is_refused_before_the_body_is_read(api: ApiForTests) -> None:
    async def never() -> Message:
        raise AssertionError("the body was asked for")

    assert api.call("POST", "/api/notify", key=None, receive=never).status == 401


def test_while_draining_a_request_is_told_to_come_back(api: ApiForTests) -> None:
    api.kit.run(api.kit.hub.drain())
    for method, path in ROUTES:
        answer = api.call(method, path, b"{}")
        assert is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
    assert api.get("/api/rooms", key=None).status == 401


def test_a_key_does_only_what_its_scopes_and_rooms_say() -> None:
    keys = [
        key_with("reader", "reader", ["read"]),
        key_with("team", "team", ["publish", "read"], ["team-*", "hall"]),
    ]
    with ApiForTests(keys=keys) as api:
        reader, team = str(keys[0]["key"]), str(keys[1]["key"])
        refused = api.post("/api/rooms/lobby/messages", MESSAGE, key=reader)
        assert is_problem(refused, 403, "forbidden")
        assert refused.body["scope"] == "publish"
        assert "'reader'" in refused.body["detail"]
        assert 'scope="publish"' in refused.headers["www-authenticate"]
        assert api.post("/api/rooms/team-a/messages", MESSAGE, key=team).status == 200
        assert api.post("/api/rooms/hall/messages", MESSAGE, key=team).status == 200
        elsewhere = api.post("/api/rooms/lobby/messages", MESSAGE, key=team)
        assert is_problem(elsewhere, 403, "forbidden")
        assert "team-*, hall" in elsewhere.body["detail"]
