"""A backup while the server runs, and a server that starts from one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import Connect, StartServer
from .running_server import HUBBUB

HISTORY = {"plugins": {"chat": {}, "history": {"store": "sqlite", "path": "history.db"}}}


def history(folder: Path, *words: str) -> str:
    """What the command writes to stdout."""
    done = subprocess.run([*HUBBUB, "history", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def transport() -> str:
    return "auto"


def test_a_room_is_exported_while_it_is_published_to_and_goes_on_elsewhere(
    start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    server = start_server(HISTORY)
    alice = connect(server, "/ws?user=alice")
    epoch = alice.wait_for(event="joined")["epoch"]
    for number in range(1, 6):
        alice.send(type="message", content=number, id=str(number))
        alice.wait_for(type="ack")
    lines = [json.loads(line) for line in history(tmp_path, "export", "lobby").splitlines()]
    assert [(line["seq"], line["epoch"], line["event"]["content"]) for line in lines] == [
        (number, epoch, number) for number in range(1, 6)
    ]
    alice.send(type="message", content="more", id="more")
    assert alice.wait_for(type="ack")["seq"] == 6
    history(tmp_path, "export", "--all", "--output", "backup.jsonl")
    server.stop()

    moved = tmp_path / "moved.yaml"
    config = {"plugins": {"chat": {}, "history": {"store": "sqlite", "path": "moved.db"}}}
    moved.write_text(yaml.safe_dump(config))
    history(tmp_path, "import", "backup.jsonl", "--config", str(moved))
    again = start_server(config)
    alice = connect(again, f"/ws?user=alice&epoch={epoch}&since=4")
    assert alice.wait_for(event="joined").items() >= {"epoch": epoch, "seq": 6, "recovered": True}.items()
    assert [alice.receive()["content"] for _ in range(2)] == [5, "more"]
