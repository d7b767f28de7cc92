"""Webhooks of a whole server: over a socket, signed, flushed at the end."""

from __future__ import annotations

import base64
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

import pytest

from .conftest import Connect, StartServer

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = base64.b64encode(KEY).decode()


class Post(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Accepts every post, on a free port, in a thread of its own."""

    def __init__(self) -> None:
        posts = self.posts = queue.SimpleQueue[Post]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                posts.put(Post({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hidden-path"

    def next_events(self) -> list[dict[str, Any]]:
        """The events of the next batch, whose signature is right."""
        headers, body = self.posts.get(timeout=20)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{signature}"
        return json.loads(body)["events"]

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


def test_a_server_tells_what_happens_and_at_its_end_what_is_left(
    receiver: Receiver, start_server: StartServer, connect: Connect
) -> None:
    events = ["connected", "occupied", "published", "vacated", "disconnected"]
    options = {"url": receiver.url, "secret": SECRET, "events": events, "batch_seconds": 600, "batch_size": 3}
    server = start_server({"plugins": {"chat": {}, "presence": {}, "webhooks": options}})
    alice = connect(server, "/ws/hall?user=alice")
    alice.send(type="message", content="hello")
    told = receiver.next_events()
    assert [event["type"] for event in told] == ["connected", "occupied", "published"]
    assert told[2]["event"]["content"] == "hello"
    assert server.stop() == 0
    assert [event["type"] for event in receiver.next_events()] == ["vacated", "disconnected"]
    log = "\n".join([*server.log.all(), *server.output.all()])
    assert SECRET not in log
    assert "hidden-path" not in log


def test_a_server_whose_receiver_is_away_works_and_ends_in_time(
    start_server: StartServer, connect: Connect, receiver: Receiver
) -> None:
    receiver.stop()
    options = {"url": receiver.url, "secret": SECRET, "batch_seconds": 0, "flush_timeout": 0.5}
    server = start_server({"plugins": {"chat": {}, "webhooks": options}})
    alice, bob = connect(server, "/ws?user=alice"), connect(server, "/ws?user=bob")
    alice.send(type="message", content="hello")
    assert bob.wait_for(type="message")["content"] == "hello"
    server.log.wait_for("does not take events")
    assert server.stop(timeout=10) == 0
    lines = [str(line["event"]) for line in server.logged()]
    assert [line.split(" of ")[0] for line in lines if line.startswith("lost ")] == ["lost 10"]
    assert "hidden-path" not in "\n".join(server.log.all())
