"""``hubbub history`` as somebody in a terminal meets it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hubbub.core.cli import main
from hubbub.plugins.history.progress import Progress
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Retention

from .filling import fill

CONFIG = "plugins:\n  chat:\n  history: {store: sqlite, path: %s, durability: normal}\n"
HISTORY = (sys.executable, "-m", "hubbub.core.cli", "history")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a config, and one for another store."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG % "one.db")
    Path("other.yaml").write_text(CONFIG % "two.db")
    return tmp_path


def record(**rooms: int) -> None:
    async def record() -> None:
        store = SqliteStore(Path("one.db"), durability="normal")
        await store.start()
        for room, count in rooms.items():
            await fill(store, room, count)
        await store.trim(lambda _: Retention(count=10_000), now=0)
        await store.stop()

    asyncio.run(record())


def start(*words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*HISTORY, *words], stdout=stdout, stderr=subprocess.PIPE)


def errors(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    return process.stderr.read().decode()


def written(capfd: pytest.CaptureFixture[str], words: Sequence[str], status: int = 0) -> tuple[str, str]:
    """What a command writes to stdout and to stderr."""
    assert main(["history", *words]) == status
    output, errors = capfd.readouterr()
    assert "Traceback" not in errors
    return output, errors


def test_rooms_are_listed_with_what_is_kept_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=10_020, garden=3)
    output, _ = written(capfd, ["rooms"])
    assert [line.split() for line in output.splitlines()] == [
        ["events", "first", "last", "room"],
        ["3", "1", "3", "garden"],
        ["10000", "21", "10020", "lobby"],
    ]


def test_where_nothing_was_recorded_that_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert "there is no file one.db" in written(capfd, ["rooms"], 1)[1]
    assert "there is no file one.db" in written(capfd, ["export", "--all"], 1)[1]
    assert not Path("one.db").exists()
    record()
    assert written(capfd, ["rooms"]) == ("", "there is no history of any room yet\n")
    assert written(capfd, ["export", "--all"]) == ("", "exported 0 events of 0 rooms\n")


def test_a_room_is_written_to_stdout_a_line_for_each_event(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=2, garden=3)
    output, said = written(capfd, ["export", "lobby"])
    lines = [json.loads(line) for line in output.splitlines()]
    assert [(line["room"], line["seq"], line["event"]["content"]) for line in lines] == [
        ("lobby", 1, 1),
        ("lobby", 2, 2),
    ]
    assert len({line["epoch"] for line in lines}) == 1
    assert said == "exported 2 events of 1 room\n"


def test_what_is_exported_can_be_imported_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=1200, garden=3)
    assert written(capfd, ["export", "--all", "-o", "all.jsonl"]) == ("", "exported 1,203 events of 2 rooms\n")
    assert written(capfd, ["import", "all.jsonl", "-c", "other.yaml"])[1] == "imported 1,203 events of 2 rooms\n"
    written(capfd, ["export", "--all", "-o", "again.jsonl", "-c", "other.yaml"])
    assert Path("again.jsonl").read_bytes() == Path("all.jsonl").read_bytes()
    assert "garden, lobby already" in written(capfd, ["import", "all.jsonl", "-c", "other.yaml"], 1)[1]


def test_a_room_that_there_is_not_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=2)
    output, said = written(capfd, ["export", "loby"], 1)
    assert output == ""
    assert said == "nothing is kept of a room 'loby'; hubbub history rooms lists those that there are\n"
    written(capfd, ["export", "loby", "-o", "loby.jsonl"], 1)
    assert sorted(path.suffix for path in Path().iterdir()) == [".db", ".yaml", ".yaml"]


def test_history_in_memory_is_out_of_reach(capfd: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("plugins:\n  history:\n")
    for words in (["rooms"], ["export", "--all"]):
        assert "the history is in the server's memory" in written(capfd, words, 1)[1]


def test_a_store_that_is_away_is_explained(capfd: pytest.CaptureFixture[str]) -> None:
    url = f"postgresql:///nothing?host={Path.cwd()}"
    Path("config.yaml").write_text(f"plugins:\n  history: {{store: postgres, url: '{url}'}}\n")
    Path("some.jsonl").write_text("")
    for words in (["rooms"], ["export", "--all"], ["import", "some.jsonl"]):
        assert "PostgreSQL at" in written(capfd, words, 1)[1]


@pytest.mark.parametrize(("content", "said"), [(None, "nowhere.jsonl"), ("{}", "nowhere.jsonl:1: not a line")])
def test_a_file_that_is_no_export_changes_nothing(
    capfd: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    if content is not None:
        Path("nowhere.jsonl").write_text(content)
    errors = written(capfd, ["import", "nowhere.jsonl"], 1)[1]
    assert said in errors
    assert errors.endswith("Nothing was imported.\n")
    assert not Path("one.db").exists()


def test_a_pipe_cannot_be_imported_because_it_is_read_twice(capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    assert "pipe is no file: it is read twice" in written(capfd, ["import", "pipe"], 1)[1]


def test_a_pipe_that_is_closed_ends_an_export_without_a_word() -> None:
    record(lobby=10_000)
    with start("export", "lobby") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"room":"lobby"')
        process.stdout.close()
        assert errors(process) == ""
    assert process.returncode == 141


def test_ctrl_c_ends_an_export_without_a_word() -> None:
    record(lobby=10_000)
    with start("export", "lobby") as process:
        assert process.stdout is not None
        process.stdout.readline()  # It goes on until the pipe is full.
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert errors(process) == ""
    assert process.returncode == 130


def test_a_file_is_replaced_only_by_a_whole_export(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(lobby=2000)
    Path("backup.jsonl").write_text("the last backup")
    read, calls = SqliteStore.read, list[int]()

    async def read_once(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return await read(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(SqliteStore, "read", read_once)
    assert written(capfd, ["export", "lobby", "--output", "backup.jsonl"], 130) == ("", "")
    assert Path("backup.jsonl").read_text() == "the last backup"
    assert [path.name for path in Path().iterdir() if "backup" in path.name] == ["backup.jsonl"]
    written(capfd, ["export", "lobby", "--output", "backup.jsonl"])
    assert len(Path("backup.jsonl").read_text().splitlines()) == 2000


def test_a_device_is_written_to_and_not_replaced(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=2)
    written(capfd, ["export", "lobby", "-o", "/dev/null"])
    assert Path("/dev/null").is_char_device()


def test_an_import_that_is_interrupted_goes_on_where_it_ended(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(lobby=2000)
    written(capfd, ["export", "lobby", "-o", "lobby.jsonl"])
    append, calls = SqliteStore.append, list[int]()

    async def append_some(*arguments: object, **named: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        await append(*arguments, **named)  # pyright: ignore[reportArgumentType]

    words = ["import", "lobby.jsonl", "-c", "other.yaml"]
    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "append", append_some)
        said = written(capfd, words, 130)[1]
    assert said == "stopped after 1,000 of 2,000 events: the same command goes on from there\n"
    assert written(capfd, words)[1] == "imported 2,000 events of 1 room\n"
    written(capfd, ["export", "lobby", "-o", "again.jsonl", "-c", "other.yaml"])
    assert Path("again.jsonl").read_bytes() == Path("lobby.jsonl").read_bytes()


def test_progress_is_shown_on_a_terminal_where_it_takes_longer_than_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("hubbub.plugins.history.progress.time.monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("exported", 4000) as shown:
        for now[0] in (0.5, 1.1, 1.2, 1.4):
            shown.add(1000)
    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert lines == ["", "exported 2,000 of 4,000 events, 50 %", "exported 4,000 of 4,000 events, 100 %", ""]


@pytest.mark.parametrize(("is_terminal", "seconds"), [(False, 5.0), (True, 0.9)])
def test_progress_is_not_shown_elsewhere_or_for_what_is_quick(
    is_terminal: bool, seconds: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("hubbub.plugins.history.progress.time.monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with Progress("exported", 4000) as shown:
        now[0] = seconds
        shown.add(1000)
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_read_or_written_is_named_with_the_reason(capfd: pytest.CaptureFixture[str]) -> None:
    record(lobby=1)
    _, said = written(capfd, ["export", "--all", "--output", "nowhere/backup.jsonl"], status=1)
    assert said == (
        "nowhere/backup.jsonl cannot be written: No such file or directory. "
        "Look at the folder and the disk, or name another.\n"
    )
    _, said = written(capfd, ["import", "backup.jsonl"], status=1)
    assert said == "backup.jsonl cannot be read: No such file or directory. Nothing was imported.\n"
