"""Read markers: forward only, told to whom the config says, and to those who come back."""

import asyncio
from typing import Any

import pytest
from hubbub.core import Identity
from hubbub.core.testing import ClientForTests
from hubbub.plugins.chat_extras import ChatExtras, read_markers
from hubbub.plugins.chat_extras.events import Read
from hubbub.plugins.chat_extras.read_markers import ReadMarkers

from .extras import ExtrasHub, code, error, seq_of


def read(client: ClientForTests, up_to: int, **fields: Any) -> None:
    client.send({"type": "read", "up_to": up_to, **fields})


def markers(client: ClientForTests) -> list[tuple[str, int]]:
    return [(event["user"], event["up_to"]) for event in client.take("read")]


def fill(hub: ExtrasHub, count: int) -> None:
    """Let so many events be in the lobby."""
    with_someone = hub.connect("someone")
    for number in range(count):
        seq_of(with_someone, number)
    with_someone.close()


def test_a_users_own_connections_are_told_wherever_they_are_and_nobody_else() -> None:
    with ExtrasHub() as hub:
        fill(hub, 3)
        laptop, phone, bob = hub.connect("alice"), hub.connect("alice", "garden"), hub.connect("bob")
        read(laptop, 2)
        event = phone.receive("read")
        assert (event["user"], event["room"], event["up_to"]) == ("alice", "lobby", 2)
        assert markers(laptop) == [("alice", 2)]
        assert markers(bob) == []


def test_the_room_is_told_where_the_config_says_so() -> None:
    with ExtrasHub(read_markers="room") as hub:
        fill(hub, 3)
        alice, bob = hub.connect("alice"), hub.connect("bob")
        read(alice, 2)
        assert markers(alice) == markers(bob) == [("alice", 2)]


def test_markers_can_be_off_by_room() -> None:
    rooms = {"options": {"lobby": {"plugins": {"chat_extras": {"read_markers": "off"}}}}}
    with ExtrasHub(rooms=rooms) as hub:
        fill(hub, 1)
        refusal = error(hub.connect("alice"), {"type": "read", "up_to": 1})
        assert refusal is not None
        assert (refusal["code"], refusal["message"]) == ("forbidden", "Nobody is told here how far you have read.")


def test_a_marker_moves_forward_only() -> None:
    with ExtrasHub() as hub:
        fill(hub, 5)
        alice = hub.connect("alice")
        for up_to in (3, 2, 3, 5, 1):
            assert code(alice, {"type": "read", "up_to": up_to}) is None
        hub.forget()
        for up_to in (3, 2, 3, 5, 1):
            read(alice, up_to)
        assert markers(alice) == [("alice", 3), ("alice", 5)]


def test_nobody_has_read_what_was_not_said_yet() -> None:
    with ExtrasHub() as hub:
        fill(hub, 3)
        alice = hub.connect("alice")
        refusal = error(alice, {"type": "read", "up_to": 4})
        assert refusal is not None
        assert (refusal["code"], refusal["path"], refusal["expected"]) == (
            "invalid",
            "up_to",
            "a seq of at most 3",
        )
        read(alice, 3)
        assert markers(alice) == [("alice", 3)]


def test_in_a_moment_the_room_is_told_only_the_last_of_each() -> None:
    with ExtrasHub(read_markers="room", read_seconds=1) as hub:
        fill(hub, 9)
        alice, bob = hub.connect("alice"), hub.connect("bob")
        for up_to in range(1, 10):
            read(alice, up_to)
        read(bob, 4)
        assert markers(bob) == [("alice", 1)]
        hub.advance(1.1)
        assert markers(bob) == [("alice", 9), ("bob", 4)]
        hub.advance(5)
        assert markers(bob) == []


def test_who_comes_back_is_told_the_own_marker() -> None:
    with ExtrasHub(people={"a": Identity("alice"), "b": Identity("bob")}) as hub:
        fill(hub, 3)
        alice, bob = hub.enter("a"), hub.enter("b")
        read(alice, 2)
        read(bob, 3)
        alice.close()
        assert markers(hub.enter("a")) == [("alice", 2)]


def test_a_newcomer_is_told_those_of_others_where_the_room_is() -> None:
    with ExtrasHub(read_markers="room") as hub:
        fill(hub, 3)
        alice, bob = hub.connect("alice"), hub.connect("bob")
        read(alice, 2, id="r")
        read(bob, 3)
        hub.advance(2)
        carol = hub.connect("carol")
        assert [event.get("id") for event in carol.events if event["type"] == "read"] == [None, None]
        assert markers(carol) == [("bob", 3), ("alice", 2)]


def test_while_the_history_is_away_a_newcomer_is_told_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExtrasHub() as hub:
        fill(hub, 3)
        alice, recorder = hub.connect("alice"), hub.manager.publisher.recorder
        read(alice, 2)

        async def nothing(*_: object) -> None:
            return None

        monkeypatch.setattr(recorder, "catch_up", nothing)
        assert markers(hub.connect("alice")) == []
        assert code(alice, {"type": "read", "up_to": 3}) == "unavailable"
    assert "failed in joined" not in caplog.text


def test_of_many_markers_a_newcomer_is_told_the_own_and_those_that_moved_last() -> None:
    known = ReadMarkers(*_nobody("room"))
    for number in range(300):
        known.move("lobby", "epoch", f"user-{number}", Read(user=f"user-{number}", up_to=number + 1))
    told = [each.user for each in known.known_to("user-7", "lobby", "epoch")]
    assert told == ["user-7", *(f"user-{number}" for number in range(299, 199, -1))]
    assert len(list(known.known_to("stranger", "lobby", "epoch"))) == read_markers.MOST_GIVEN


def test_markers_are_bounded_and_the_room_unused_for_longest_loses_its_own_first() -> None:
    known = ReadMarkers(*_nobody("self"), most=4)
    for room in ("old", "new"):
        for user in ("alice", "bob", "carol"):
            known.move(room, "epoch", user, Read(user=user, up_to=1))
    assert len(known) == 4
    assert [each.user for each in known.known_to("carol", "old", "epoch")] == ["carol"]
    assert not list(known.known_to("alice", "old", "epoch"))
    known.move("old", "epoch", "dora", Read(user="dora", up_to=1))
    known.move("old", "epoch", "emil", Read(user="emil", up_to=1))
    known.move("old", "epoch", "fred", Read(user="fred", up_to=1))
    assert "new" not in known
    assert len(known) == 4


def test_markers_of_another_epoch_mean_nothing() -> None:
    known = ReadMarkers(*_nobody("self"))
    known.move("lobby", "one", "alice", Read(user="alice", up_to=90))
    known.move("lobby", "one", "bob", Read(user="bob", up_to=80))
    assert not list(known.known_to("alice", "lobby", "two"))
    assert known.move("lobby", "two", "alice", Read(user="alice", up_to=1))
    assert [each.up_to for each in known.known_to("alice", "lobby", "two")] == [1]
    assert len(known) == 1


def test_a_marker_takes_no_number() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "one")
        read(alice, of)
        assert seq_of(alice, "two") == of + 1


def test_who_may_be_in_the_room_may_say_what_was_read_there() -> None:
    rules = {"*": {"join": "everyone", "publish": "nobody", "history": "nobody"}}
    with ExtrasHub(others={"permissions": {"rooms": rules}}) as hub:
        hub.publish_old("server", "hi", seconds=1)
        assert code(hub.connect("alice"), {"type": "read", "up_to": 1}) is None


def test_nothing_is_left_to_do_when_the_server_stops_while_markers_wait_to_be_told() -> None:
    with ExtrasHub(read_markers="room") as hub:
        fill(hub, 2)
        alice = hub.connect("alice")
        read(alice, 1)
        read(alice, 2)
    assert not asyncio.all_tasks(hub.loop)


def _nobody(told: str) -> Any:
    """A manager that is not asked, and the options of every room."""
    options = ChatExtras.config_type().model_validate({"read_markers": told})
    return None, lambda _room: options  # type: ignore[return-value]
