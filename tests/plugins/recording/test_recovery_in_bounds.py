"""What recovery gives somebody who does not read, or who has missed very much: never more than may wait."""

from __future__ import annotations

from typing import Any

from hubbub.core.testing import ClientForTests, HubForTests

LIMIT = 8192
ROOMS = ("garden", "attic", "cellar")


def hub_with_rooms() -> HubForTests:
    return HubForTests({"chat": {}, "history": {}}, server={"max_outgoing_buffer": LIMIT})


def fill(hub: HubForTests, room: str, count: int) -> str:
    """Have somebody say something in a room, a hundred bytes each time; return the room's epoch."""
    speaker = hub.connect("speaker", room)
    epoch: str = speaker.receive("system", event="joined")["epoch"]
    for number in range(count):
        speaker.say(f"{number:04}" + "." * 10)
    return epoch


def resume(client: ClientForTests, room: str, epoch: str) -> None:
    client.send({"type": "join", "room": room, "epoch": epoch, "since": 0})


def joined(client: ClientForTests, room: str) -> dict[str, Any]:
    return client.receive("system", event="joined", room=room)


def test_who_has_missed_more_bytes_than_may_wait_is_told_to_start_anew() -> None:
    with hub_with_rooms() as hub:
        epoch = fill(hub, "garden", 60)
        alice = hub.connect("alice")
        resume(alice, "garden", epoch)
        assert joined(alice, "garden")["recovered"] is False
        assert alice.take("message") == []
        alice.send({"type": "join", "room": "garden"})
        assert alice.close_code is None


def test_who_reads_gets_one_room_after_the_other() -> None:
    with hub_with_rooms() as hub:
        epochs = {room: fill(hub, room, 25) for room in ROOMS}
        alice = hub.connect("alice")
        for room, epoch in epochs.items():
            resume(alice, room, epoch)
        for room in ROOMS:
            assert joined(alice, room)["recovered"] is True
        assert len(alice.take("message")) == 75


def test_who_reads_a_little_later_gets_the_next_room_then() -> None:
    with hub_with_rooms() as hub:
        epochs = {room: fill(hub, room, 25) for room in ROOMS}
        alice = hub.connect("alice")
        alice.stop_reading()
        for room, epoch in epochs.items():
            resume(alice, room, epoch)
        while not alice.connection.rooms.keys() >= set(ROOMS):
            hub.advance(1)
            alice.start_reading()
            alice.stop_reading()
        alice.start_reading()
        for room in ROOMS:
            assert joined(alice, room)["recovered"] is True
        assert len(alice.take("message")) == 75


def test_who_does_not_read_enters_the_next_room_without_what_was_missed_there() -> None:
    with hub_with_rooms() as hub:
        epochs = {room: fill(hub, room, 25) for room in ROOMS}
        alice = hub.connect("alice")
        alice.stop_reading()
        for room, epoch in epochs.items():
            resume(alice, room, epoch)
        hub.advance(10)
        assert alice.connection.rooms.keys() >= set(ROOMS)
        alice.start_reading()
        assert [joined(alice, room)["recovered"] for room in ROOMS] == [True, True, False]
        assert {event["room"] for event in alice.take("message")} == {"garden", "attic"}
