"""What a person sees who talks to the server with wscat, in a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .conftest import PLUGINS, Connect, StartServer
from .lines import Lines

INSTALLED = Path(__file__).parent / "wscat" / "node_modules" / ".bin" / "wscat"
WSCAT = os.environ.get("HUBBUB_WSCAT") or (str(INSTALLED) if INSTALLED.exists() else shutil.which("wscat"))


class Terminal:
    """A wscat that believes in its terminal."""

    def __init__(self, *arguments: str) -> None:
        assert WSCAT is not None
        self._master, slave = os.openpty()
        # Wide enough that no line is broken while it is typed.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
        self.process = subprocess.Popen(
            [WSCAT, "--no-color", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)
        self.screen = Lines(os.fdopen(os.dup(self._master), encoding="utf-8", errors="replace", newline="\n"))

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\r")

    def see(self, text: str, times: int = 1) -> str:
        """Wait for a line with this text, and return it without what only moves the cursor."""
        line = self.screen.wait_for(text, times=times)
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).replace("> ", "").strip("\r")

    def received(self, text: str, times: int = 1) -> dict[str, object]:
        """Wait for a frame with this text."""
        line = self.see(f'< {{"type":"{text}', times)
        return json.loads(line[line.index("< {") + 2 :])

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.screen.wait_for_end()
        os.close(self._master)


@pytest.fixture
def open_terminal() -> Iterator[type[Terminal]]:
    if WSCAT is None:
        reason = "wscat is not installed; `npm install --global wscat` does it"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    with ExitStack() as stack:

        class Ending(Terminal):
            def __init__(self, *arguments: str) -> None:
                super().__init__(*arguments)
                stack.callback(self.end)

        yield Ending


def test_a_person_talks_makes_mistakes_and_is_told_what_to_type(
    start_server: StartServer, connect: Connect, open_terminal: type[Terminal]
) -> None:
    server = start_server()
    alice = open_terminal("--connect", server.url("/ws?user=alice"))
    alice.see("Connected (press CTRL+C to quit)")
    welcome = alice.received('system","event":"welcome')
    assert '{"type":"message","content":"hello"}' in str(welcome["message"])
    assert alice.received('system","event":"joined')["message"] == "alice joined the room"

    bob = connect(server, "/ws?user=bob")
    assert alice.received('system","event":"joined', times=2)["message"] == "bob joined the room"
    alice.type('{"type":"message","content":"hi, bob"}')
    assert bob.wait_for(type="message")["content"] == "hi, bob"
    assert alice.received("message")["user"] == "alice"
    bob.send(type="message", content="hi, alice 👋")
    assert alice.received("message", times=2)["content"] == "hi, alice 👋"

    alice.type("hello?")
    mistake = alice.received("error")
    assert mistake["code"] == "bad_json"
    alice.type(json.dumps(mistake["example"]))  # What the error shows can be pasted.
    assert bob.wait_for(type="message", user="alice")["content"] == alice.received("message", times=3)["content"]
    alice.type('{"type":"mesage","content":"hi"}')
    assert "message" in str(alice.received("error", times=2)["message"])
    alice.type('{"type":"help"}')
    types = alice.received("help")["types"]
    assert {"message", "private", "presence"} <= {each["type"] for each in types}  # type: ignore[index, union-attr]

    bob.close()
    assert alice.received('system","event":"left')["message"] == "bob left the room"
    server.process.send_signal(signal.SIGTERM)
    assert alice.received('system","event":"draining')["retry_after"]
    assert "code: 1012" in alice.see("Disconnected")
    assert alice.process.wait(20) == 0


def test_the_eleventh_message_in_a_minute_is_refused_on_the_screen(
    start_server: StartServer, open_terminal: type[Terminal]
) -> None:
    server = start_server({"plugins": {"chat": True, "rate_limit": True}})
    alice = open_terminal("--connect", server.url("/ws?user=alice"))
    alice.received('system","event":"welcome')
    for number in range(11):
        alice.type(f'{{"type":"message","content":"{number}"}}')
    assert alice.received("message", times=10)["content"] == "9"
    assert alice.received("error")["message"] == "Rate limit exceeded. Slow down."


def test_a_person_who_types_nothing_is_not_thrown_out(
    start_server: StartServer, connect: Connect, open_terminal: type[Terminal], transport: str
) -> None:
    server = start_server({"plugins": PLUGINS | {"heartbeat": {"interval": 0.2, "timeout": 0.2}}})
    alice = open_terminal("--show-ping-pong", "--connect", server.url("/ws?user=alice"))
    alice.received('system","event":"welcome')
    # Plain ASGI has no ping frames; there the question is an event, which a person need not answer.
    alice.see("Received ping" if transport == "auto" else '{"type":"ping"', times=5)
    connect(server, "/ws?user=bob").send(type="private", to="alice", content="still there?")
    assert alice.received("private")["content"] == "still there?"
