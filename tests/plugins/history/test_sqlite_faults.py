"""What becomes of the store in a file when something goes wrong with the file, the disk or the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Conflict, Store, StoreUnavailable

from .conftest import Run
from .filling import KEEP_ALL, NOW, event, fill, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def store(path: Path, run: Run) -> Iterator[SqliteStore]:
    store = SqliteStore(path, busy_timeout=0.05)
    run(store.start())
    yield store
    run(store.stop())


def works(store: Store, run: Run, room: str = "lobby") -> bool:
    """Whether an append is taken, at the place where the room stands."""
    before = run(store.open(room, now=NOW))
    return run(fill(store, room, 1)) == before._replace(last=before.last + 1)


@pytest.mark.timeout(180)
def test_what_was_answered_survives_being_killed_in_order_and_without_a_hole(path: Path, run: Run) -> None:
    """Ten times, with ten rooms that append all the time."""
    promised: dict[str, tuple[str, int]] = {}
    for seed in range(10):
        process = subprocess.Popen(
            [sys.executable, "-m", "history.appending_process", path, "full" if seed % 2 else "normal"],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(random.Random(seed).randint(1, 300))]
        process.kill()
        lines += process.stdout.readlines()
        process.stdout.close()
        assert process.wait() == -9
        for line in lines:
            room, epoch, last = line.split()
            assert promised.get(room, (epoch,))[0] == epoch
            promised[room] = (epoch, int(last))
    assert len(promised) == 10
    store = SqliteStore(path)
    run(store.start())
    for room, (epoch, last) in promised.items():
        position = run(store.open(room, now=NOW))
        assert (position.epoch, position.first) == (epoch, 1)
        assert position.last >= last
        assert run(store.read(room, 0, position.last)) == stored(*range(1, position.last + 1))
        assert run(store.find_key(room, f"{room} 1", now=NOW)) == 1
    run(store.stop())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_locked_file_is_unavailable_until_the_lock_is_gone_and_can_be_read_meanwhile(
    store: SqliteStore, path: Path, run: Run
) -> None:
    run(fill(store, "lobby", 2))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"history\.db: another process keeps it locked"):
                run(fill(store, "lobby", 1))
        with pytest.raises(StoreUnavailable):
            run(store.check())
        assert run(store.read("lobby", 0, 10)) == stored(1, 2)
        other.execute("ROLLBACK")
    run(store.check())
    assert works(store, run)


def test_the_event_loop_goes_on_while_a_lock_is_waited_for(path: Path, run: Run) -> None:
    store = SqliteStore(path, busy_timeout=30)

    async def unlock_meanwhile() -> None:
        await store.start()
        await store.open("lobby", now=NOW)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        filling = asyncio.create_task(fill(store, "lobby", 3))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not filling.done()
        other.execute("ROLLBACK")
        other.close()
        assert (await filling).last == 3
        await store.stop()

    run(unlock_meanwhile())


def fill_up(store: SqliteStore, run: Run) -> int:
    """Append until that fails; return how many events were stored."""
    count = 0
    big = bytes(64 * 1024)
    position = run(store.open("lobby", now=NOW))
    with contextlib.suppress(StoreUnavailable):
        while count < 1000:
            run(store.append("lobby", position.epoch, count + 1, [big], keys=[None], time=NOW, retention=KEEP_ALL))
            count += 1
    return count


def test_a_full_disk_is_unavailable_until_there_is_space_again_and_loses_nothing(tmp_path: Path, run: Run) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if subprocess.run(mounting, capture_output=True).returncode:
        reason = "only root may mount the small disk that this test fills"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    try:
        (small / "ballast").write_bytes(bytes(512 * 1024))
        store = SqliteStore(small / "history.db")
        run(store.start())
        count = fill_up(store, run)
        assert 0 < count < 1000
        with pytest.raises(StoreUnavailable, match=r"history\.db: its disk is full: free some space"):
            run(store.append_next("lobby", bytes(64 * 1024), key=None, time=NOW, retention=KEEP_ALL))
        assert run(store.open("lobby", now=NOW)).last == count
        assert len(run(store.read("lobby", 0, 1000))) == count
        (small / "ballast").unlink()
        assert works(store, run)
        run(store.stop())
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_a_write_that_fails_is_unavailable_until_writing_works_again(store: SqliteStore, run: Run) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
        count = fill_up(store, run)
        with pytest.raises(StoreUnavailable, match="reading or writing fails: look at the disk"):
            run(store.append_next("lobby", bytes(1024 * 1024), key=None, time=NOW, retention=KEEP_ALL))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert 0 < count < 1000
    assert len(run(store.read("lobby", 0, 1000))) == count
    assert works(store, run)


@pytest.mark.parametrize("suffixes", [[""], ["-wal"], ["", "-wal", "-shm"]])
def test_a_file_that_was_deleted_is_noticed_before_anything_is_answered_and_made_anew(
    store: SqliteStore, path: Path, run: Run, suffixes: list[str]
) -> None:
    position = run(fill(store, "lobby", 3))
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()
    with pytest.raises(StoreUnavailable, match="was removed or replaced"):
        run(store.append("lobby", position.epoch, 4, [event(4)], keys=[None], time=NOW, retention=KEEP_ALL))
    assert works(store, run, "other")
    assert path.exists()
    if "" in suffixes:
        assert run(store.open("lobby", now=NOW)).epoch != position.epoch
        with pytest.raises(Conflict):
            run(store.append("lobby", position.epoch, 1, [b""], keys=[None], time=NOW, retention=KEEP_ALL))
    assert works(store, run)


def test_reading_notices_as_well_that_the_file_was_deleted(store: SqliteStore, path: Path, run: Run) -> None:
    run(fill(store, "lobby", 3))
    path.unlink()
    with pytest.raises(StoreUnavailable, match="was removed or replaced"):
        run(store.read("lobby", 0, 10))
    assert run(store.read("lobby", 0, 10)) == []
    assert works(store, run)


def test_a_folder_that_is_away_for_a_while_comes_back_with_everything(tmp_path: Path, run: Run) -> None:
    folder, away = tmp_path / "disk", tmp_path / "away"
    folder.mkdir()
    store = SqliteStore(folder / "history.db")
    run(store.start())
    position = run(fill(store, "lobby", 3))
    folder.rename(away)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            run(store.check())
    away.rename(folder)
    assert run(store.open("lobby", now=NOW)) == position
    assert works(store, run)
    assert run(store.read("lobby", 0, 10)) == stored(1, 2, 3, 4)
    run(store.stop())


def test_a_damaged_file_is_unavailable_until_a_backup_takes_its_place(path: Path, run: Run) -> None:
    first, store = SqliteStore(path), SqliteStore(path)
    run(first.start())
    position = run(fill(first, "lobby", 5000))
    run(first.stop())
    backup = path.with_suffix(".backup")
    shutil.copy(path, backup)
    with path.open("r+b") as file:
        middle = path.stat().st_size // 2
        file.seek(middle)
        file.write(b"\xa5" * middle)
    run(store.start())
    with pytest.raises(StoreUnavailable, match="it is damaged: move it away"):
        run(store.read("lobby", 0, 5000))
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    backup.replace(path)
    assert run(store.open("lobby", now=NOW)) == position
    assert works(store, run)
    run(store.stop())


def test_a_store_whose_file_cannot_be_opened_at_the_start_works_once_it_can(path: Path, run: Run) -> None:
    path.write_text("This is a letter to my aunt, and no database at all. " * 100)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="not an SQLite file: move it away"):
        run(store.start())
    assert path.read_text().startswith("This is a letter")
    path.unlink()
    assert works(store, run)
    run(store.stop())


def test_the_folder_of_the_file_may_be_made_later(tmp_path: Path, run: Run) -> None:
    store = SqliteStore(tmp_path / "data" / "history.db")
    with pytest.raises(StoreUnavailable, match=r"data/history\.db cannot be opened: No such .* Make its folder"):
        run(store.start())
    (tmp_path / "data").mkdir()
    assert works(store, run)
    run(store.stop())
