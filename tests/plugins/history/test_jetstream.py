"""The store in JetStream: its subjects, its stream, and what becomes of it when that is full or removed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from hubbub.core import start
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.store import (
    Conflict,
    Position,
    Stored,
    StoreUnavailable,
    StoreUnusable,
)

from .asking_nats import ask, ask_api, edit, subjects
from .conftest import Run
from .filling import KEEP_ALL, NOW, fill, stored, until_it_works
from .servers import JetStream


@pytest.fixture
def store(jetstream_store: JetStreamStore) -> JetStreamStore:
    return jetstream_store


def fails_with(run: Run, store: JetStreamStore) -> str:
    """Start a store which cannot be used; return why, and whether waiting helps."""
    with pytest.raises(StoreUnavailable) as caught:
        run(store.start())
    run(store.stop())
    return f"{type(caught.value).__name__}: {caught.value}"


def test_all_subjects_begin_with_the_stream_and_have_the_escaped_name_of_a_room_as_one_word(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    for room in ("a.b", "*", ">", "private messages for ä~", "touched"):
        run(fill(store, room, 1))
    assert set(run(subjects(jetstream.url, stream))) == {
        f"{stream}.touched",
        f"{stream}.room.a%2Eb",
        f"{stream}.room.%2A",
        f"{stream}.room.%3E",
        f"{stream}.room.private%20messages%20for%20%C3%A4%7E",
        f"{stream}.room.touched",
    }


@pytest.mark.parametrize("name", ["", "a b", "a.b", "*", "a>"])
def test_the_name_of_a_stream_that_would_reach_other_subjects_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and any of"):
        JetStreamStore("nats://127.0.0.1", stream=name)


@pytest.mark.parametrize(
    "url",
    [
        "pa55word",
        "nats://me:pa55word@host:port",
        "nats://me:pa55word@host:70000",
        "nats://me:pa55word@",
        "nats://me:pa55word@one,two/x",
        "http://:pa55word@host",
    ],
)
def test_a_url_that_is_none_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="write nats://user:password@host") as caught:
        JetStreamStore(url)
    assert "pa55word" not in str(caught.value)


def test_a_file_that_is_none_of_its_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.creds cannot be read: No such file"):
        JetStreamStore("nats://host", credentials=tmp_path / "absent.creds")
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(ValueError, match=r"ca\.pem is no such file: it has no BEGIN CERTIFICATE"):
        JetStreamStore("tls://host", ca_file=tmp_path / "ca.pem")


def test_a_server_that_is_not_there_is_named_without_the_password(run: Run) -> None:
    said = fails_with(run, JetStreamStore("nats://hubbub:pa55word@127.0.0.1:1,127.0.0.1:2"))
    assert "StoreUnavailable: NATS at 127.0.0.1:1,127.0.0.1:2 cannot be used" in said
    assert "pa55word" not in said


def test_where_one_server_of_several_is_away_another_one_serves(
    jetstream: JetStream, stream: str, run: Run
) -> None:
    for _ in range(4):
        store = JetStreamStore(f"nats://127.0.0.1:1,127.0.0.1:{jetstream.port}", stream=stream)
        run(store.start())
        run(store.stop())


@pytest.mark.parametrize(
    ("arguments", "login", "is_right"),
    [
        (("--user", "hubbub", "--pass", "s3cret"), "hubbub:wrong@", False),
        (("--auth", "s3cret"), "wrong@", False),
        (("--user", "hubbub", "--pass", "s3/cret"), "hubbub:s3%2Fcret@", True),
        (("--auth", "s3cret"), "s3cret@", True),
    ],
    ids=["wrong password", "wrong token", "password", "token"],
)
def test_who_logs_in_is_in_the_url(arguments: tuple[str, ...], login: str, is_right: bool, run: Run) -> None:
    server = JetStream(*arguments)
    try:
        store = JetStreamStore(server.url.replace("//", f"//{login}"))
        if is_right:
            run(store.start())
            run(store.stop())
        else:  # NATS may hang up before it has said why.
            assert "wrong" not in fails_with(run, store)
    finally:
        server.remove()


def test_a_nats_without_jetstream_is_unavailable_and_says_what_to_do(run: Run) -> None:
    class Plain(JetStream):
        def command(self) -> list[str]:
            return [word for word in super().command() if word != "-js"]

    server = Plain()
    try:
        said = fails_with(run, JetStreamStore(server.url))
        assert said.startswith("StoreUnavailable")
        assert "start nats-server with -js" in said
    finally:
        server.remove()


def test_what_begins_outside_of_any_task_can_connect_and_ask(jetstream: JetStream, stream: str, run: Run) -> None:
    """So does the server with what it hopes to finish at once."""
    store = JetStreamStore(jetstream.url, stream=stream)

    async def read_twice() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            begun: asyncio.Future[object] = loop.create_future()
            loop.call_soon(lambda begun=begun: begun.set_result(start(store.read("lobby", 0, 10))))
            reading = await begun
            assert isinstance(reading, asyncio.Task)
            assert await cast("asyncio.Task[list[Stored]]", reading) == []
        await store.stop()

    run(read_twice())


# The stream


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"description": "orders"}, "was not made by Hubbub: its description is 'orders'"),
        (
            {"description": "History of Hubbub, version 99"},
            "its version is 99, and this one knows up to 1",
        ),
        (
            {"max_age": 10**12, "discard": "old"},
            "discard is old, not new; max_age is 1000000000000, not 0",
        ),
        ({"storage": "memory"}, "storage is memory, not file"),
    ],
    ids=["another program", "newer", "drops events", "storage"],
)
def test_a_stream_that_keeps_no_history_is_refused_and_left_alone(
    jetstream: JetStream, stream: str, run: Run, config: dict[str, object], said: str
) -> None:
    ours = {
        "name": stream,
        "subjects": [f"{stream}.room.*", f"{stream}.touched"],
        "storage": "file",
        "discard": "new",
        "retention": "limits",
        "allow_rollup_hdrs": True,
        "description": "History of Hubbub, version 1",
    }
    run(ask_api(jetstream.url, f"STREAM.CREATE.{stream}", {**ours, **config}))
    failure = fails_with(run, JetStreamStore(jetstream.url, stream=stream))
    assert failure.startswith("StoreUnusable")
    assert said in failure
    assert run(subjects(jetstream.url, stream)) == {}


def test_more_replicas_than_there_can_be_are_refused(jetstream: JetStream, stream: str, run: Run) -> None:
    failure = fails_with(run, JetStreamStore(jetstream.url, stream=stream, replicas=3))
    assert failure.startswith("StoreUnusable")
    assert "replicas" in failure


def test_subjects_that_belong_to_another_stream_are_refused(jetstream: JetStream, stream: str, run: Run) -> None:
    run(ask_api(jetstream.url, "STREAM.CREATE.taker", {"name": "taker", "subjects": [f"{stream}.>"]}))
    failure = fails_with(run, JetStreamStore(jetstream.url, stream=stream))
    assert failure.startswith("StoreUnusable")
    assert "overlap" in failure
    run(ask_api(jetstream.url, "STREAM.DELETE.taker"))


def test_two_streams_are_two_stores(store: JetStreamStore, jetstream: JetStream, run: Run) -> None:
    other = JetStreamStore(jetstream.url, stream="other")
    run(other.start())
    run(fill(store, "lobby", 2))
    run(fill(other, "lobby", 1))
    assert run(other.read("lobby", 0, 10)) == stored(1)
    run(other.stop())


def test_a_stream_that_was_removed_begins_the_room_anew(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    position = run(fill(store, "lobby", 3, keys=["alice 1", None, None]))
    run(ask_api(jetstream.url, f"STREAM.DELETE.{stream}"))
    with pytest.raises(StoreUnavailable, match="no stream answers"):
        run(store.append("lobby", position.epoch, 4, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    run(until_it_works(store))
    with pytest.raises(Conflict, match="not known"):
        run(store.append("lobby", position.epoch, 4, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    again = run(store.open("lobby", now=NOW))
    assert again.epoch != position.epoch
    assert run(store.find_key("lobby", "alice 1", now=NOW)) is None
    assert run(fill(store, "lobby", 1)) == Position(again.epoch, 1, 1)


def test_a_full_stream_is_unavailable_until_it_has_room_again(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    run(fill(store, "lobby", 2))
    used = run(ask_api(jetstream.url, f"STREAM.INFO.{stream}"))["state"]["bytes"]
    run(edit(jetstream.url, stream, max_bytes=used + 10))
    for attempt in (store.check(), store.append_next("lobby", b"", key=None, time=NOW, retention=KEEP_ALL)):
        with pytest.raises(StoreUnavailable, match="maximum bytes exceeded"):
            run(attempt)
    assert run(store.read("lobby", 0, 10)) == stored(1, 2)
    run(edit(jetstream.url, stream, max_bytes=-1))
    run(until_it_works(store))
    assert run(fill(store, "lobby", 1)).last == 3


def test_what_somebody_else_wrote_into_the_stream_is_named(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    run(fill(store, "lobby", 1))
    number = run(ask(jetstream.url, f"{stream}.room.lobby", b"hello"))["seq"]
    with pytest.raises(StoreUnavailable, match=f"Message {number} of the history's stream is no record of Hubbub"):
        run(store.append_next("lobby", b"", key=None, time=NOW, retention=KEEP_ALL))


def test_a_store_that_a_newer_config_makes_unusable_says_so_at_the_next_connection(
    store: JetStreamStore, jetstream: JetStream, stream: str, run: Run
) -> None:
    run(fill(store, "lobby", 1))
    run(edit(jetstream.url, stream, max_msgs_per_subject=10))
    late = JetStreamStore(jetstream.url, stream=stream)
    with pytest.raises(StoreUnusable, match=rf"max_msgs_per_subject is 10, not -1.*nats stream edit {stream}"):
        run(late.start())
    run(late.stop())
