"""What a client that was too slow is told to be missing of a recorded room, it can ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hubbub.core.testing import ClientForTests, HubForTests

LIMIT = 4096


def hub_with(policy: str) -> HubForTests:
    rooms = {"slow_consumers": policy, "conflate_by": "content.key"}
    return HubForTests({"chat": {}, "history": {}}, server={"max_outgoing_buffer": LIMIT}, rooms=rooms)


def after_a_crowd(hub: HubForTests) -> ClientForTests:
    """Bob, who has read nothing while Alice said a lot, reads again."""
    alice, bob = hub.connect("alice"), hub.connect("bob")
    bob.take()
    bob.stop_reading()
    for number in range(90):
        alice.say({"key": number % 3, "padding": "." * 50})
    bob.start_reading()
    return bob


def ask_for(client: ClientForTests, gap: dict[str, Any]) -> list[int]:
    """The numbers of the events that history has for a gap."""
    limit = gap["to"] - gap["from"] + 1
    client.send({"type": "history", "room": gap["room"], "before": gap["to"] + 1, "limit": limit})
    return [event["seq"] for event in client.receive("history")["events"]]


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "conflate"])
def test_a_client_that_asks_for_its_gaps_has_everything_once(policy: str) -> None:
    with hub_with(policy) as hub:
        bob = after_a_crowd(hub)
        got = [event["seq"] for event in bob.take("message")]
        gaps = bob.take("gap")
        assert sum(gap["lost"] for gap in gaps) == hub.manager.dropped.total() > 0
        fetched = [seq for gap in gaps for seq in ask_for(bob, gap)]
        assert sorted(got + fetched) == list(range(1, 91))


def test_a_gap_stands_before_what_came_after_it() -> None:
    with hub_with("drop_oldest") as hub:
        bob = after_a_crowd(hub)
        events = [event for event in bob.take() if event["type"] in ("message", "gap")]
        (place,) = [place for place, event in enumerate(events) if event["type"] == "gap"]
        assert events[place - 1]["seq"] + 1 == events[place]["from"]
        assert events[place + 1]["seq"] - 1 == events[place]["to"]
