"""Requests that are sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hubbub.core import Message, Plugin, PluginConfig, Rejected, hookimpl

from .calling import SECRET, Answer, ApiForTests, key_with

PATH = "/api/rooms/lobby/messages"
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


def test_the_same_request_is_carried_out_once_and_answered_the_same(api: ApiForTests) -> None:
    alice = api.connect("alice")
    first = api.post(PATH, {"content": "Hello!"}, headers=KEY)
    again = api.post(PATH, {"content": "Hello!"}, headers=KEY)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers["content-type"] == "application/json"
    assert len(alice.take("message")) == 1


def test_quotes_around_the_key_are_no_part_of_it(api: ApiForTests) -> None:
    api.post(PATH, {"content": "Hello!"}, headers=KEY)
    quoted = {"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'}
    assert "idempotency-replayed" in api.post(PATH, {"content": "Hello!"}, headers=quoted).headers


@pytest.mark.parametrize("key", ["", "a!", '"a', "{}", '""', '"', "x" * 256, "two words", "ü", '"a"b"', "a\tb"])
def test_a_key_that_is_none_is_refused_and_nothing_is_done(api: ApiForTests, key: str) -> None:
    alice = api.connect("alice")
    answer = api.post(PATH, {"content": "Hello!"}, headers={"Idempotency-Key": key})
    assert (answer.status, answer.body["code"]) == (400, "invalid")
    assert not alice.events


def test_another_request_with_the_same_key_is_refused(api: ApiForTests) -> None:
    alice = api.connect("alice")
    api.post(PATH, {"content": "Hello!"}, headers=KEY)
    alice.take()
    for answer in (
        api.post(PATH, {"content": "Hello?"}, headers=KEY),
        api.post("/api/rooms/garden/messages", {"content": "Hello!"}, headers=KEY),
        api.post(f"{PATH}?x=1", {"content": "Hello!"}, headers=KEY),
        api.delete("/api/users/alice/connections", headers=KEY),
    ):
        assert (answer.status, answer.body["code"]) == (422, "idempotency_key_reused")
    assert not alice.events
    assert alice.close_code is None


def test_a_delete_is_repeatable_as_well(api: ApiForTests) -> None:
    api.connect("alice")
    first = api.delete("/api/users/alice/connections", headers=KEY)
    again = api.delete("/api/users/alice/connections", headers=KEY)
    assert (first.status, first.text) == (again.status, again.text) == (200, '{"connections":1}')


def test_what_was_refused_may_come_again_with_the_same_key(api: ApiForTests) -> None:
    body = {"message": "x"}
    assert api.post("/api/users/alice/notify", body, headers=KEY).status == 404
    api.connect("alice")
    assert api.post("/api/users/alice/notify", body, headers=KEY).status == 200


def test_each_api_key_has_idempotency_keys_of_its_own() -> None:
    keys = [key_with("one", "one", ["publish"]), key_with("two", "two", ["publish"])]
    with ApiForTests(keys=keys) as api:
        alice = api.connect("alice")
        for entry in keys:
            answer = api.post(PATH, {"content": "Hello!"}, headers=KEY, key=str(entry["key"]))
            assert "idempotency-replayed" not in answer.headers
        assert [each["user"] for each in alice.take("message")] == ["one", "two"]


def test_the_key_becomes_the_id_of_the_event_unless_the_body_has_one(api: ApiForTests) -> None:
    assert api.post(PATH, {"content": "a"}, headers=KEY).body["id"] == KEY["Idempotency-Key"]
    assert api.post(PATH, {"content": "b", "id": "mine"}, headers={"Idempotency-Key": "2"}).body["id"] == "mine"
    made = api.post(PATH, {"content": "c"}, headers={"Idempotency-Key": "x" * 255}).body["id"]
    assert len(made) == 64
    assert (
        api.post(
            "/api/rooms/lobby/events", {"type": "message", "content": "d"}, headers={"idempotency-key": "4"}
        ).body["id"]
        == "4"
    )


class Slow(Plugin[PluginConfig]):
    @hookimpl
    async def check_event(self, event: Message) -> None:
        await asyncio.sleep(2)
        if event.content == "refuse":
            raise Rejected("forbidden", "No.")


@pytest.mark.parametrize(("content", "status"), [("Hello!", 200), ("refuse", 403)])
def test_while_a_request_is_under_way_the_same_one_must_wait(content: str, status: int) -> None:
    body = f'{{"content":"{content}"}}'.encode()
    with ApiForTests({"chat": {}, "slow": {}}, plugins={"slow": Slow}) as api:

        async def both() -> tuple[Answer, Answer]:
            first = asyncio.ensure_future(api.begin("POST", PATH, body, headers=KEY))
            await asyncio.sleep(1)
            return await api.begin("POST", PATH, body, headers=KEY), await first

        second, first = api.kit.run(both())
        assert (second.status, second.body["code"]) == (409, "idempotency_key_under_way")
        assert second.headers["retry-after"] == "1"
        assert first.status == status
        assert api.call("POST", PATH, body, headers=KEY).status == status


def test_a_request_that_is_broken_off_may_come_again() -> None:
    body = b'{"content":"Hello!"}'
    with ApiForTests({"chat": {}, "slow": {}}, plugins={"slow": Slow}) as api:

        async def broken_off() -> None:
            first = asyncio.ensure_future(api.begin("POST", PATH, body, headers=KEY))
            await asyncio.sleep(1)
            first.cancel()
            await asyncio.wait((first,))

        api.kit.run(broken_off())
        assert api.call("POST", PATH, body, headers=KEY).status == 200


def test_keys_are_forgotten_in_time_and_beyond_their_number() -> None:
    with ApiForTests(api={"idempotency_seconds": 600, "idempotency_keys": 3}) as api:

        def is_known(key: str) -> bool:
            answer = api.post("/api/notify", {"message": "x"}, headers={"Idempotency-Key": key})
            return "idempotency-replayed" in answer.headers

        assert [is_known(key) for key in ("1", "2", "3", "1", "2", "3")] == [False] * 3 + [True] * 3
        assert not is_known("4")
        assert is_known("2")
        assert not is_known("1")
        api.kit.advance(599)
        assert is_known("4")
        api.kit.advance(1)
        assert not is_known("4")


def test_a_stranger_gets_no_remembered_answer(api: ApiForTests) -> None:
    api.post(PATH, {"content": "Hello!"}, headers=KEY)
    assert api.post(PATH, {"content": "Hello!"}, headers=KEY, key=SECRET + "x").status == 401


def test_a_get_is_never_remembered(api: ApiForTests) -> None:
    assert api.get("/api/rooms", headers=KEY).body == {"rooms": []}
    api.connect("alice")
    assert len(api.get("/api/rooms", headers=KEY).body["rooms"]) == 1
