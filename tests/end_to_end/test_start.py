"""How a server starts, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
from pathlib import Path

from .conftest import Connect, StartServer
from .running_server import HUBBUB, RunningServer


def run_hubbub(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    return subprocess.run(
        [*HUBBUB, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=30
    )


def test_in_an_empty_folder_the_built_in_config_runs(tmp_path: Path, connect: Connect) -> None:
    server = RunningServer(tmp_path, command=HUBBUB)
    alice = connect(server, "/ws?user=alice")
    alice.wait_for(event="welcome", room="lobby")
    for number in range(11):
        alice.send(type="message", content=f"{number}")
    refused = alice.wait_for(type="error")
    assert refused["message"] == "Rate limit exceeded. Slow down."
    assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_it_says_where_to_open_and_what_to_paste(tmp_path: Path, connect: Connect) -> None:
    server = RunningServer(tmp_path, command=HUBBUB)
    said = "\n".join([server.output.wait_for("http://"), server.output.wait_for("wscat")])
    assert f"http://127.0.0.1:{server.port}/" in said
    pasted = re.search(r'wscat -c "(ws://[^"]+)"', said)
    assert pasted is not None
    assert pasted[1] == server.url("/ws?user=alice")
    assert server.stop() == 0


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, command=HUBBUB)
    (tmp_path / "config.yaml").write_text("plugins: {chat: }\n")
    second = run_hubbub(tmp_path, "serve", "--port", str(server.port))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"port {server.port}" in second.stderr
    assert "--port" in second.stderr
    assert server.stop() == 0


def test_a_start_without_a_config_says_in_which_folder_there_is_none(tmp_path: Path) -> None:
    taken = RunningServer(tmp_path, command=HUBBUB)
    said = run_hubbub(tmp_path, "serve", "--port", str(taken.port)).stderr
    assert f"there is no config.yaml in {tmp_path}: the built-in config is used" in said
    assert taken.stop() == 0


def test_a_mistake_in_the_config_names_the_file_the_line_and_the_key(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server:\n  port: 8000\n  hots: 127.0.0.1\nplugins:\n  chatt:\n")
    for command in ("serve", "check", "plugins"):
        failed = run_hubbub(tmp_path, command)
        assert failed.returncode == 1
        assert "config.yaml:3" in failed.stderr
        assert "hots" in failed.stderr
        assert "host" in failed.stderr
        assert "Traceback" not in failed.stderr


def test_an_unknown_plugin_names_its_line_and_the_installed_ones(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("plugins:\n  chat:\n  presense:\n")
    failed = run_hubbub(tmp_path, "serve")
    assert failed.returncode == 1
    assert "config.yaml:3" in failed.stderr
    assert "presence" in failed.stderr
    assert "rate_limit" in failed.stderr


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    failed = run_hubbub(tmp_path, "serve", "--config", "nowhere.yaml")
    assert failed.returncode == 1
    assert "nowhere.yaml" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_plugin_from_a_file_in_the_current_folder_runs(
    start_server: StartServer, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "shout.py").write_text(
        textwrap.dedent('''
        from hubbub.core import Message, Plugin, PluginConfig, hookimpl

        class ShoutConfig(PluginConfig):
            mark: str = "!"

        class Shout(Plugin[ShoutConfig]):
            """Says everything louder."""

            @hookimpl
            def transform_event(self, event: Message) -> Message:
                event.content = str(event.content).upper() + self.config.mark
                return event
        ''')
    )
    server = start_server({"plugins": {"shout:Shout": {"mark": "!!"}, "chat": {}}})
    alice = connect(server, "/ws?user=alice")
    alice.send(type="message", content="hello")
    assert alice.wait_for(type="message")["content"] == "HELLO!!"


def test_a_plugin_that_cannot_start_stops_the_start_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "unwell.py").write_text(
        textwrap.dedent("""
        from hubbub.core import Plugin, PluginConfig, hookimpl

        class Unwell(Plugin[PluginConfig]):
            @hookimpl
            async def startup(self) -> None:
                raise ConnectionError("no database at db.example")
        """)
    )
    (tmp_path / "config.yaml").write_text("plugins:\n  chat:\n  unwell:Unwell:\n")
    failed = run_hubbub(tmp_path, "serve", "--port", "0")
    assert failed.returncode == 1
    assert "unwell:Unwell" in failed.stderr
    assert "no database at db.example" in failed.stderr


def test_the_environment_overrides_the_config(start_server: StartServer, connect: Connect) -> None:
    server = start_server(environment={"HUBBUB_ROOMS__DEFAULT": "garden"})
    assert connect(server).receive()["room"] == "garden"


def test_log_lines_are_json_and_say_for_whom(start_server: StartServer, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "scribe.py").write_text(
        textwrap.dedent("""
        import logging
        from hubbub.core import Connection, Message, Plugin, PluginConfig, hookimpl

        class Scribe(Plugin[PluginConfig]):
            @hookimpl
            async def check_event(self, connection: Connection, event: Message) -> None:
                logging.getLogger("scribe").info("%s wrote", connection.id)
        """)
    )
    server = start_server({"plugins": {"scribe:Scribe": {}, "chat": {}}})
    for user in ("alice", "bob"):
        client = connect(server, f"/ws?user={user}&token=s3cret")
        client.send(type="message", content="private words")
        client.wait_for(type="message", user=user)
    for user in ("alice", "bob"):
        line = json.loads(server.log.wait_for(f'"user": "{user}"'))
        assert line["logger"] == "scribe"
        assert line["event"] == f"{line['connection']} wrote"
    log = json.dumps(server.logged())
    assert "s3cret" not in log
    assert "private words" not in log
