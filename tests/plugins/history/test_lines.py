"""What is exported comes back as it was, from each store into each, and a file that is not whole is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hubbub.plugins.history import exporting, importing
from hubbub.plugins.history.lines import WrongLine
from hubbub.plugins.history.memory import MemoryStore
from hubbub.plugins.history.progress import Progress
from hubbub.plugins.history.store import Position, Retention, Store, Stored

from .conftest import Run
from .filling import KEEP_ALL, NOW, fill

MAILBOX = "private messages for bob"


def said(seq: int, when: str = "2026-11-21T08:03:22Z") -> bytes:
    return b'{"type":"message","user":"alice","timestamp":"%b","content":%d}' % (when.encode(), seq)


def line(seq: int, room: str = "lobby", epoch: str = "e1", event: bytes | None = None) -> bytes:
    rest = b"" if event == b"" else b',"event":%b' % (said(seq) if event is None else event)
    return b'{"room":%b,"epoch":%b,"seq":%d%b}\n' % (
        json.dumps(room).encode(),
        json.dumps(epoch).encode(),
        seq,
        rest,
    )


async def export(store: Store, *rooms: str) -> bytes:
    file = io.BytesIO()
    positions = [(room, await store.open(room, now=NOW)) for room in rooms]
    await exporting.export_rooms(store, positions, file)
    return file.getvalue()


async def import_(store: Store, path: Path) -> None:
    found = importing.check(path)
    await importing.import_file(store, path, found, Progress("imported", 0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "export.jsonl"


def test_a_room_comes_back_with_its_epoch_and_its_numbers(store: Store, run: Run, file: Path) -> None:
    source = MemoryStore()
    for room in ("lobby", MAILBOX):
        run(fill(source, room, 1200, retention=Retention(count=1100)))
    lines = run(export(source, "lobby", MAILBOX))
    assert len(lines.splitlines()) == 2200
    file.write_bytes(lines)
    run(import_(store, file))
    for room in ("lobby", MAILBOX):
        position = run(store.open(room, now=NOW))
        assert position == run(source.open(room, now=NOW))
        assert position[1:] == (101, 1200)
        assert run(store.read(room, 0, 2000)) == run(source.read(room, 0, 2000))
    assert run(export(store, "lobby", MAILBOX)) == lines
    assert run(fill(store, "lobby", 1)).last == 1201


def test_a_room_of_which_nothing_is_kept_goes_on_after_its_last_number(store: Store, run: Run, file: Path) -> None:
    source = MemoryStore()
    epoch = run(fill(source, "lobby", 5)).epoch
    run(source.remove("lobby", 5))
    file.write_bytes(run(export(source, "lobby")))
    assert file.read_bytes() == b'{"room":"lobby","epoch":"%b","seq":5}\n' % epoch.encode()
    run(import_(store, file))
    assert run(store.open("lobby", now=NOW)) == Position(epoch, 6, 5)


def test_events_are_as_old_as_they_were(store: Store, run: Run, file: Path) -> None:
    old, young = said(1, "2026-01-01T00:00:00Z"), said(2, "2026-11-01T00:00:00Z")
    file.write_bytes(line(1, event=old) + line(2, event=young))
    run(import_(store, file))
    june = 1_780_000_000.0
    run(store.trim(lambda _: Retention(100, seconds=1.0), now=june))
    assert [each.event for each in run(store.read("lobby", 0, 10))] == [young]


def test_a_room_that_is_there_is_refused_and_nothing_is_imported(store: Store, run: Run, file: Path) -> None:
    before = run(fill(store, "garden", 1))
    file.write_bytes(line(1, "attic") + line(1, "garden"))
    with pytest.raises(importing.Refused, match=r"The store has the room garden already.*nothing was imported"):
        run(import_(store, file))
    assert run(store.open("garden", now=NOW)) == before

    async def names() -> list[str]:
        return [name async for name in store.rooms()]

    assert run(names()) == ["garden"]


def test_a_room_that_somebody_has_only_entered_is_not_in_the_way(store: Store, run: Run, file: Path) -> None:
    run(store.open("lobby", now=NOW))
    file.write_bytes(line(7) + line(8))
    run(import_(store, file))
    assert run(store.open("lobby", now=NOW)) == Position("e1", 7, 8)


def test_an_import_that_came_to_no_end_is_continued(store: Store, run: Run, file: Path) -> None:
    file.write_bytes(b"".join(line(seq) for seq in range(3, 6)) + line(1, "garden"))
    run(store.restore("lobby", "e1", 2, now=NOW))
    run(store.append("lobby", "e1", 3, [said(3)], keys=[None], time=NOW, retention=KEEP_ALL))
    run(import_(store, file))
    assert [(each.seq, each.event) for each in run(store.read("lobby", 0, 9))] == [(n, said(n)) for n in (3, 4, 5)]
    assert run(store.open("garden", now=NOW)) == Position("e1", 1, 1)


def test_rooms_may_be_mixed_in_a_file(run: Run, file: Path) -> None:
    file.write_bytes(b"".join(line(seq, room) for seq in (1, 2, 3) for room in ("lobby", "garden")))
    store = MemoryStore()
    run(import_(store, file))
    assert [run(store.open(room, now=NOW))[1:] for room in ("lobby", "garden")] == [(1, 3), (1, 3)]


def test_a_number_within_an_event_is_left_to_the_server(run: Run, file: Path) -> None:
    file.write_bytes(line(5, event=b'{"type":"message","seq":99,"content":1}'))
    store = MemoryStore()
    run(import_(store, file))
    assert [each.event for each in run(store.read("lobby", 0, 9))] == [b'{"type":"message","content":1}']


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (line(1) + b"{\n", ":2: not a line of an export"),
        (b"[]\n", ":1: not a line of an export: Expected `object`, got `array`"),
        (b'{"room":"lobby","seq":1}\n', "missing required field `epoch`"),
        (b"\xff\n", ":1: not a line of an export"),
        (line(1, "a\nb"), ":1: expected a room, an epoch"),
        (line(-1), ":1: expected a room, an epoch, and a seq of 0 or more"),
        (line(0), ":1: the first event of a room has the seq 1"),
        (line(1) + b"\n" + line(3), ":3: expected 2 in the epoch e1 as the next seq of the room 'lobby', got 3"),
        (line(1) + line(2, epoch="e2"), "got 2 in e2: lines are missing or out of order"),
        (line(2) + line(1), "lines are missing or out of order"),
        (line(5, event=b"") + line(6, event=b""), ":2: a line without event must be the only one of its room"),
        (line(1, event=b"7"), ":1: the event is none"),
        (line(1, event=b"{}"), ":1: the event is none: Object missing required field `type`"),
        (line(1, event=b'{"type":"message","room":"garden"}'), ":1: the event is one of the room 'garden'"),
    ],
)
def test_what_is_no_export_or_not_a_whole_one_is_refused_before_anything_is_stored(
    lines: bytes, said: str, file: Path
) -> None:
    file.write_bytes(lines)
    with pytest.raises(WrongLine) as caught:
        importing.check(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_what_is_removed_while_it_is_exported_is_noticed(run: Run) -> None:
    class Trimmed(MemoryStore):
        async def read(self, room: str, after: int, limit: int) -> list[Stored]:
            page = await super().read(room, after, limit)
            await self.remove(room, after + limit + 1)
            return page

    store = Trimmed()
    run(fill(store, "lobby", 1200))
    with pytest.raises(exporting.Removed, match="'lobby' were removed while it was exported"):
        run(export(store, "lobby"))


def test_a_room_that_is_published_to_is_exported_as_it_stood(run: Run) -> None:
    store, file = MemoryStore(), io.BytesIO()
    position = run(fill(store, "lobby", 600))
    run(fill(store, "lobby", 600))
    assert run(exporting.export_rooms(store, [("lobby", position)], file)) == 600
    assert len(file.getvalue().splitlines()) == 600
