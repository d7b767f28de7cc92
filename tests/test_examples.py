"""The plugins under examples/ do what they promise, the way a user runs them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from importlib import import_module
from pathlib import Path

import pytest
from hubbub.core.testing import HubForTests
from websockets.sync.client import connect

EXAMPLES = Path(__file__).parent.parent / "examples"
PACKAGE = EXAMPLES / "hubbub-hands"
HUBBUB = [sys.executable, "-m", "hubbub.core.cli"]


def test_a_plugin_in_a_file_runs_from_its_folder_without_packaging(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "shout.py", tmp_path)
    (tmp_path / "config.yaml").write_text("plugins: {chat: , shout:Shout: }")
    with subprocess.Popen(
        [*HUBBUB, "serve", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            announced = "".join(server.stdout.readline() for _ in range(2))
            url = re.search(r'"(ws://.+)"', announced)
            assert url is not None, announced + server.communicate()[1]
            with connect(url[1]) as client:
                client.send('{"type":"message","content":"hello"}')
                received = [json.loads(client.recv(timeout=10)) for _ in range(3)]
            assert received[-1]["content"] == "HELLO"
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)
    assert server.returncode == 0


def test_slow_mode_refuses_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    slow_mode = import_module("slow_mode").SlowMode
    with HubForTests({"chat": {}, "slow_mode": {"seconds": 5}}, plugins={"slow_mode": slow_mode}) as hub:
        alice = hub.connect("alice")
        alice.say("one")
        alice.say("two")
        assert alice.receive("error", code="rate_limited")["retry_after"] == 5
        hub.advance(5)
        alice.say("three")
        assert [event["content"] for event in alice.take("message")] == ["one", "three"]


def test_slow_mode_may_differ_by_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    slow_mode = import_module("slow_mode").SlowMode
    rooms = {"options": {"fast": {"plugins": {"slow_mode": {"seconds": 0}}}}}
    with HubForTests({"chat": {}, "slow_mode": {}}, plugins={"slow_mode": slow_mode}, rooms=rooms) as hub:
        alice = hub.connect("alice", room="fast")
        alice.say("one")
        alice.say("two")
        assert len(alice.take("message")) == 2


def test_an_application_of_ones_own_publishes_to_the_rooms_that_it_mounts(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "embedding.py", tmp_path)
    command = [sys.executable, "-m", "uvicorn", "embedding:app", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = next(filter(None, (re.search(r"http://(127.0.0.1:\d+)", line) for line in server.stderr)))
            with connect(f"ws://{found[1]}/realtime/ws/order-7?user=alice") as client:
                assert json.loads(client.recv(timeout=10))["room"] == "order-7"
                for query, status in (("?note=", 422), ("", 200)):
                    assert status_of(f"http://{found[1]}/orders/7/ship{query}") == status
                received = [json.loads(client.recv(timeout=10)) for _ in range(2)]
            assert received[-1]["content"] == "Your order is on its way."
        finally:
            server.send_signal(signal.SIGTERM)
            log = server.communicate(timeout=20)[1]
    assert "Traceback" not in log


def status_of(url: str) -> int:
    """What a POST to the URL is answered."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"")) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_page_about_embedding_shows_the_example() -> None:
    page = (EXAMPLES.parent / "docs" / "embedding.md").read_text()
    assert f"```python title=examples/embedding.py\n{(EXAMPLES / 'embedding.py').read_text()}```" in page


def test_the_package_passes_its_own_tests(tmp_path: Path) -> None:
    copy = shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pytest", "--quiet", "--rootdir", ".", "."]
    finished = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout
    assert "passed" in finished.stdout


def test_the_package_is_found_by_its_entry_point_once_it_is_installed(tmp_path: Path) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    shutil.copy(PACKAGE / "hubbub_hands.py", tmp_path)
    installed = tmp_path / f"hubbub_hands-{version}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = project["entry-points"]["hubbub.plugins"]
    lines = ["[hubbub.plugins]", *(f"{point} = {value}" for point, value in points.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "config.yaml").write_text("plugins: {chat: , presence: , hands: {limit: 3}}")
    finished = subprocess.run(
        [*HUBBUB, "plugins"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "3. hands (hubbub-hands 0.1.0)" in finished.stdout, finished.stderr
    assert "limit: 3" in finished.stdout
