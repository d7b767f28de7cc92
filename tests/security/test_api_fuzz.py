"""Every route and every field of the HTTP API with whatever schemathesis and hypothesis think of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ..core.api.calling import ApiForTests
from ..end_to_end.running_server import RunningServer

KEY = "only-for-tests-0123456789abcdefghij"
CONFIG: dict[str, object] = {
    "plugins": {"chat": {}, "presence": {}, "history": {}, "validation": {"content": "json"}},
    "api": {"keys": [{"name": "fuzzer", "key": KEY, "scopes": ["publish", "notify", "read", "control"]}]},
    "logging": {"level": "debug", "access": True},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with a key, on which nothing may be logged that looks like an error or has the key in it."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    running = RunningServer(tmp_path)
    try:
        yield running
    finally:
        running.stop()
    log = "\n".join(running.log.all())
    assert KEY not in log
    assert '"level": "error"' not in log


@contextmanager
def somebody_online(server: RunningServer) -> Generator[None]:
    """Alice is in the lobby, and comes back whenever she is thrown out."""
    is_over = threading.Event()

    def stay() -> None:
        while not is_over.is_set():
            try:
                with connect(server.url("/ws?user=alice")) as client:
                    while not is_over.is_set():
                        client.recv(0.2)
            except (ConnectionClosed, TimeoutError):
                continue

    thread = threading.Thread(target=stay)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(20)


@pytest.mark.timeout(120)
def test_with_a_key_every_answer_is_as_the_openapi_document_says(server: RunningServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://{server.host}:{server.port}/openapi.json"]
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1", "--no-shrink"]
    # The server may refuse what is well-formed, such as a room with a space in its name; and that a key was used
    # is told before whether the address knows the method.
    options += [
        "--exclude-checks",
        "positive_data_acceptance,unsupported_method",
        "--continue-on-failure",
        "--request-timeout",
        "10",
    ]
    with somebody_online(server):
        done = subprocess.run(
            [*command, *options, "--header", f"Authorization: Bearer {KEY}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None
    assert int(tested[1]) == 18


OPERATIONS = ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "BREW"]
PATHS = st.one_of(
    st.sampled_from(["/api", "/api/", "/api/rooms", "/api/rooms/lobby/messages", "/api/batch", "/notify/alice"]),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=30).map("/api/{}".format),
)
BODIES = st.one_of(
    st.binary(max_size=100),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()),
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-length", "idempotency-key", "authorization", "accept", "cookie"]),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40),
    max_size=3,
)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_a_right_key_nothing_opens(api: ApiForTests, key: str | None) -> None:
    @given(st.sampled_from(OPERATIONS), PATHS, BODIES, HEADERS)
    def attempt(method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        answer = api.call(method, path, body, key=key, headers=headers)
        assert answer.status in ((401,) if key is None else (401, 429))
        assert answer.headers["content-type"] == "application/problem+json"

    attempt()


def test_with_a_key_whatever_comes_is_answered_and_nothing_breaks(api: ApiForTests) -> None:
    @given(st.sampled_from(OPERATIONS), PATHS, BODIES, HEADERS)
    def attempt(method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        headers.pop("authorization", None)
        answer = api.call(method, path, body, headers=headers)
        assert answer.status < 500
        if answer.status >= 400:
            problem = cast("dict[str, Any]", answer.body)
            assert (problem["status"], bool(problem["detail"]), bool(problem["code"])) == (
                answer.status,
                True,
                True,
            )

    attempt()
