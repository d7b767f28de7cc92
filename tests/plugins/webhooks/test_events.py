"""What webhooks tell: which events, of which rooms, in which order."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from hubbub.core import Connection, Plugin, PluginConfig, PluginError, hookimpl
from hubbub.core.testing import HubForTests
from hubbub.plugins.webhooks import Webhooks

from .receivers import SECRET, URL, ReceiverInMemory, Told, hub_with

PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
EVERYTHING = ["connected", "disconnected", "joined", "left", "occupied", "vacated", "published"]


def short(events: list[Told]) -> list[tuple[str, str]]:
    """Each event as its type with the room or the user that it is about."""
    return [(event["type"], event.get("room") or event["user"]) for event in events]


def test_everything_is_told_in_order_and_as_the_page_shows() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=EVERYTHING) as hub:
        alice = hub.connect("alice")
        alice.say("Hi!")
        alice.vanish()
        hub.advance(1)
    (body,) = receiver.bodies
    found = re.search(r"^```json\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    shown = json.loads(found[1])
    assert masked(body) == masked(shown)
    assert json.dumps(masked(body)) == json.dumps(masked(shown)), "the order of the fields differs"


def masked(value: Any) -> Any:
    """``value`` without what differs from run to run."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {
            name: "…" if name in ("timestamp", "server", "connection") else masked(each)
            for name, each in fields.items()
        }
    return [masked(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def test_what_people_say_is_told_only_where_published_is_listed() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver) as hub:
        hub.connect("alice").say("between us")
    assert [event["type"] for event in receiver.events] == [
        "connected", "occupied", "joined", "left", "vacated", "disconnected"
    ]  # fmt: skip
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"]) as hub:
        hub.connect("alice").say("to everyone")
    assert [event["event"]["content"] for event in receiver.events] == ["to everyone"]


def test_of_rooms_that_match_no_pattern_nothing_is_told() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=EVERYTHING, rooms=["support-*", "hall"]) as hub:
        for room in ("support-1", "hall", "hallway", "lobby"):
            hub.connect("alice", room).say("hi")
    told = {event["room"] for event in receiver.events if "room" in event}
    assert told == {"support-1", "hall"}
    assert sum(event["type"] == "connected" for event in receiver.events) == 4


def test_without_any_pattern_no_room_is_told() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, rooms=[]) as hub:
        hub.connect("alice")
    assert short(receiver.events) == [("connected", "alice"), ("disconnected", "alice")]


def test_some_rooms_may_tell_other_events() -> None:
    receiver = ReceiverInMemory()
    rooms = {"options": {"team-*": {"plugins": {"webhooks": {"events": ["published"]}}}}}
    with hub_with(receiver, sections={"rooms": rooms}, events=["occupied"]) as hub:
        hub.connect("alice", "team-a").say("hi")
        hub.connect("alice", "lobby").say("hi")
    assert short(receiver.events) == [("published", "team-a"), ("occupied", "lobby")]


def test_another_url_for_some_rooms_is_refused_with_its_place() -> None:
    options = {"team-*": {"plugins": {"webhooks": {"url": "https://example.org/"}}}}
    with pytest.raises(PluginError, match=r"rooms\.options\.team-\*\.plugins\.webhooks\.url: .* only 'events'"):
        hub_with(ReceiverInMemory(), sections={"rooms": {"options": options}})


def test_a_room_is_occupied_by_its_first_member_and_vacated_by_its_last() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["occupied", "vacated", "joined", "left"]) as hub:
        tabs = [hub.connect("alice") for _ in range(2)]
        bob = hub.connect("bob")
        for client in (*tabs, bob):
            client.close()
        hub.connect("carol")
        hub.advance(1)
        assert [event["type"] for event in receiver.events] == [
            "occupied", "joined", "joined", "joined", "left", "left", "left", "vacated", "occupied", "joined"
        ]  # fmt: skip


def test_a_member_who_leaves_by_wish_is_told_with_the_reason() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["left", "disconnected"]) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "leave", "room": "lobby"})
        alice.close()
    assert [(event["type"], event["reason"]) for event in receiver.events] == [
        ("left", "left"),
        ("disconnected", "left"),
    ]
    assert receiver.events[1]["code"] == 1000


def test_the_id_of_a_message_stays_between_its_sender_and_the_server() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["published"]) as hub:
        alice = hub.connect("alice")
        alice.say("hi", id="my-own-id")
        assert alice.receive("message")["id"] == "my-own-id"
    assert "my-own-id" not in json.dumps(receiver.bodies)


def test_notices_of_the_server_are_no_publications() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, others={"presence": {}}, events=["published"]) as hub:
        alice, _ = hub.connect("alice"), hub.connect("bob")
        assert alice.receive("system", event="joined", user="bob")
    assert receiver.events == []


class SlowToNotice(Plugin[PluginConfig]):
    """Holds up what the plugins after it hear of members."""

    @hookimpl
    async def joined(self) -> None:
        await asyncio.sleep(1)


def with_slow_notices(receiver: ReceiverInMemory) -> HubForTests:
    class WithReceiver(Webhooks):
        def receiver(self) -> ReceiverInMemory:
            return receiver

    options = {"url": URL, "secret": SECRET, "events": ["occupied", "vacated", "joined", "left"]}
    plugins = {"slow": SlowToNotice, "webhooks": WithReceiver}
    return HubForTests({"slow": {}, "webhooks": options}, plugins=plugins)


def test_a_member_who_was_gone_before_anybody_heard_was_never_there() -> None:
    receiver = ReceiverInMemory()
    with with_slow_notices(receiver) as hub:
        alice = hub.connect("alice").connection
        hub.loop.call_soon(lambda: hub.manager.leave(alice, "lobby", "kicked"))
        hub.connect("bob")
        hub.advance(3)
        assert short(receiver.events) == [("occupied", "lobby"), ("joined", "lobby")]
        assert receiver.events[1]["user"] == "bob"


def test_a_member_who_went_and_came_back_before_anybody_heard_came_once() -> None:
    receiver = ReceiverInMemory()
    with with_slow_notices(receiver) as hub:
        alice = hub.connect("alice").connection
        hub.loop.call_soon(lambda: hub.manager.leave(alice, "lobby", "kicked"))
        hub.loop.call_soon(lambda: hub.manager.join(alice, "lobby"))
        hub.advance(3)
        assert short(receiver.events) == [("occupied", "lobby"), ("joined", "lobby")]


def test_seq_counts_what_is_told_from_one_and_across_batches() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["joined", "left"], batch_size=2) as hub:
        for number in range(3):
            hub.connect(f"user{number}").close()
    assert [event["seq"] for event in receiver.events] == [1, 2, 3, 4, 5, 6]
    assert {body["server"] for body in receiver.bodies} == {receiver.accepted[0].id.split("-")[0]}


def test_what_happens_while_the_server_goes_down_is_told() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["left", "vacated", "disconnected"]) as hub:
        hub.connect("alice")
        hub.connect("bob")
    assert [event["type"] for event in receiver.events] == [
        "left",
        "disconnected",
        "left",
        "vacated",
        "disconnected",
    ]
    assert {event.get("reason") for event in receiver.events} == {"drained", None}
    assert receiver.is_closed


def test_two_servers_have_different_names() -> None:
    names: set[str] = set()
    for _ in range(2):
        receiver = ReceiverInMemory()
        with hub_with(receiver) as hub:
            hub.connect("alice")
        names |= {body["server"] for body in receiver.bodies}
    assert len(names) == 2


def test_a_connection_is_named_as_the_manager_names_it() -> None:
    receiver = ReceiverInMemory()
    with hub_with(receiver, events=["connected"]) as hub:
        connection: Connection = hub.connect("alice").connection
        hub.advance(1)
        assert receiver.events[0]["connection"] == connection.id
