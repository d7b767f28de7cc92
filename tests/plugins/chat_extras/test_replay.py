"""Whoever replays a room's history as docs/chat_extras.md shows arrives where those are who were there."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hubbub.core import Identity
from hubbub.core.testing import ClientForTests
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .extras import ExtrasHub, code, delete, edit, reaction, seq_of

PAGE = Path(__file__).parents[3] / "docs" / "chat_extras.md"
MSGPACK = ("hubbub.v1.msgpack",)
MOST_REACTIONS = 2

Event = Mapping[str, Any]
Messages = dict[int, dict[str, Any]]


def documented_replay() -> Callable[[Iterable[Event]], Messages]:
    found = re.search(r"^```python runnable\n(def replay.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    namespace: dict[str, Any] = {}
    exec(found[1], namespace)
    return cast("Callable[[Iterable[Event]], Messages]", namespace["replay"])


replay = documented_replay()


def recorded(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if "seq" in event and event["type"] not in ("system", "ack")]


def read_back(client: ClientForTests, page: int) -> list[Event]:
    """The whole history, a page at a time."""
    events: list[Event] = []
    query: dict[str, Any] = {"type": "history", "limit": page}
    while True:
        client.send(query)
        reply = client.receive("history")
        events[:0] = reply["events"]
        if not reply["more"]:
            return events
        query["before"] = reply["first"]


class Conversation(RuleBasedStateMachine):
    """People who talk, change their minds and come and go; and what must come of it."""

    people = st.sampled_from(["alice", "bob", "mod"])
    numbers = st.integers(min_value=1, max_value=12)
    texts = st.sampled_from(["hi", "ho", 'a "quoted" text', "an ä", '"of":1'])
    emoji = st.sampled_from("🌱🌷🌻")

    @initialize(page=st.integers(min_value=1, max_value=7))
    def open(self, page: int) -> None:
        identities = {name: Identity(name) for name in ("alice", "bob", "mod", "eve", "late")}
        self.hub = ExtrasHub(
            people=identities, moderators=["mod"], max_reactions=MOST_REACTIONS, edit_seconds=None
        )
        self.hub.__enter__()
        self.page = page
        self.witness = self.hub.enter("eve")
        self.epoch = self.witness.receive("system", event="joined")["epoch"]
        self.packed = self.hub.connect(query={"token": "eve"}, subprotocols=MSGPACK)
        self.seen: tuple[list[Event], list[Event]] = ([], [])
        self.clients = {name: self.hub.enter(name) for name in ("alice", "bob", "mod")}
        self.model: Messages = {}
        self.last = 0

    @rule(who=people, text=texts)
    def say(self, who: str, text: str) -> None:
        self.last += 1
        assert seq_of(self.clients[who], text) == self.last
        self.model[self.last] = {"user": who, "content": text, "reactions": {}}

    @rule(who=people, of=numbers, text=texts)
    def edit(self, who: str, of: int, text: str) -> None:
        if self.carry_out(who, edit(of, text), self.refusal_to_change(who, of)):
            self.model[of]["content"] = text

    @rule(who=people, of=numbers)
    def delete(self, who: str, of: int) -> None:
        if self.carry_out(who, delete(of), self.refusal_to_change(who, of)):
            del self.model[of]

    @rule(who=people, of=numbers, emoji=emoji, removed=st.booleans())
    def react(self, who: str, of: int, emoji: str, removed: bool) -> None:
        reactions: dict[str, set[str]] = self.model[of]["reactions"] if of in self.model else {}
        refusal, has = self.refusal_to_touch(of), who in reactions.get(emoji, ())
        is_too_much = sum(who in users for users in reactions.values()) >= MOST_REACTIONS
        if refusal is None and is_too_much and not removed and not has:
            refusal = "too_many_reactions"
        if self.carry_out(who, reaction(of, emoji, removed=removed), refusal, is_told=has is removed):
            users = reactions.setdefault(emoji, set())
            (users.discard if removed else users.add)(who)
            if not users:
                del reactions[emoji]

    @rule()
    def forget(self) -> None:
        self.hub.forget()

    @rule(who=people)
    def reconnect(self, who: str) -> None:
        self.clients[who].vanish()
        self.clients[who] = self.hub.enter(who)

    def carry_out(self, who: str, event: Any, refusal: str | None, *, is_told: bool = True) -> bool:
        """Send it, and see that it is refused as it should be; True where it changes something."""
        assert code(self.clients[who], event) == refusal
        self.last += refusal is None and is_told
        return refusal is None

    def refusal_to_touch(self, of: int) -> str | None:
        if of in self.model:
            return None
        is_message = any(event["type"] == "message" for event in self.all_seen() if event["seq"] == of)
        return "not_found" if of > self.last or is_message else "invalid"

    def refusal_to_change(self, who: str, of: int) -> str | None:
        refusal = self.refusal_to_touch(of)
        return refusal or (None if who in (self.model[of]["user"], "mod") else "forbidden")

    def all_seen(self) -> list[Event]:
        for client, seen in zip((self.witness, self.packed), self.seen, strict=True):
            seen += recorded(client.take())
        return self.seen[0]

    def teardown(self) -> None:
        if not hasattr(self, "hub"):
            return
        events = self.all_seen()
        assert [event["seq"] for event in events] == list(range(1, self.last + 1))
        late = self.hub.connect(query={"token": "late"})
        back = self.hub.connect(query={"token": "late", "epoch": self.epoch, "since": "0"}, subprotocols=MSGPACK)
        for way in (events, self.seen[1], read_back(late, self.page), recorded(back.take())):
            assert replay(way) == self.model
        self.hub.__exit__(None, None, None)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("subprotocols", [(), MSGPACK])
def test_every_type_goes_both_ways_in_both_formats(subprotocols: tuple[str, ...]) -> None:
    with ExtrasHub(read_markers="room") as hub:
        alice, bob = hub.connect("alice", subprotocols=subprotocols), hub.connect("bob", subprotocols=subprotocols)
        of = seq_of(alice, "hi")
        alice.send({"type": "typing", "is_typing": True})
        alice.send(edit(of, "ho"))
        alice.send(reaction(of))
        alice.send({"type": "read", "up_to": of})
        alice.send(delete(of))
        received = [event for event in bob.take() if event["type"] != "system"]
        assert [event["type"] for event in received] == [
            *("message", "typing", "edit", "typing", "reaction", "read", "delete")
        ]
        assert all(event["user"] == "alice" and event["timestamp"].endswith("Z") for event in received)


def test_help_lists_every_type_with_an_example_that_works() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        for number in range(12):
            seq_of(alice, number)
        alice.send({"type": "help"})
        listed = {each["type"]: each for each in alice.receive("help")["types"]}
        for type_ in ("edit", "typing", "read", "reaction", "delete"):
            assert listed[type_]["summary"].endswith(".")
            assert code(alice, listed[type_]["example"]) is None
