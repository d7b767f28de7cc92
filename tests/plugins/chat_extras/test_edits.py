"""Edits: who may, for how long, and that they pass for messages wherever messages are checked."""

import pytest
from hubbub.core import Event, Identity, Message, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.testing import HubForTests

from .extras import ExtrasHub, code, delete, edit, error, seq_of


def test_an_edit_is_an_event_of_the_history_that_names_its_message() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        alice.send({**edit(of, "hello"), "id": "e"})
        edited = bob.receive("edit")
        assert (edited["of"], edited["content"], edited["user"], edited["seq"]) == (of, "hello", "alice", of + 1)
        assert "id" not in edited
        assert alice.receive("edit")["id"] == "e"
        assert alice.receive("ack", id="e")["seq"] == of + 1
        alice.send({"type": "history"})
        assert [event["type"] for event in alice.receive("history")["events"]] == ["message", "edit"]


def test_nobody_edits_what_others_said() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        refusal = error(bob, edit(seq_of(alice, "hi")))
        assert refusal is not None
        assert (refusal["code"], refusal["path"]) == ("forbidden", "of")
        assert refusal["message"] == "Only its author or a moderator may edit the message 1."
        assert alice.take("edit") == []


def test_only_messages_are_edited_and_the_right_number_is_suggested() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        assert code(alice, edit(of)) is None
        refusal = error(alice, edit(of + 1))
        assert refusal is not None
        assert refusal["message"] == "The event 2 is no message but of the type 'edit'. It is about the message 1."


def test_what_is_not_there_or_not_any_more_is_not_found() -> None:
    with ExtrasHub(history={"keep": 2}) as hub:
        alice = hub.connect("alice")
        assert code(alice, edit(1)) == "not_found"
        of = seq_of(alice, "one")
        for text in ("two", "three"):
            alice.say(text)
        refusal = error(alice, edit(of))
        assert refusal is not None
        assert refusal["code"] == "not_found"
        assert refusal["message"] == "There is no message 1 in the history of the room 'lobby', or not any more."


def test_messages_of_other_rooms_have_other_numbers() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "garden")
        of = seq_of(alice, "in the lobby")
        alice.send({"type": "join", "room": "garden"})
        assert code(alice, {**edit(of), "room": "garden"}) == "not_found"
        seq_of(bob, "in the garden")
        assert code(alice, {**edit(of), "room": "garden"}) == "forbidden"
        assert code(alice, edit(of)) is None


def test_a_deleted_message_is_edited_no_more() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        assert code(alice, delete(of)) is None
        assert code(alice, edit(of)) == "not_found"
        assert [event["type"] for event in alice.take()] == []


@pytest.mark.parametrize(("age", "refused"), [(50, None), (70, "forbidden")])
def test_an_author_has_so_long_to_edit(age: float, refused: str | None) -> None:
    with ExtrasHub(people={"a": Identity("alice")}, edit_seconds=60) as hub:
        alice = hub.enter("a")
        hub.publish_old("alice", "hi", seconds=age)
        assert code(alice, edit(1)) == refused
        assert code(alice, delete(1)) is None


def test_editing_can_be_for_ever_or_not_at_all_by_room() -> None:
    rooms = {"options": {"minutes-*": {"plugins": {"chat_extras": {"edit_seconds": 0}}}}}
    with ExtrasHub(people={"a": Identity("alice")}, edit_seconds=None, rooms=rooms) as hub:
        alice, there = hub.enter("a"), hub.enter("a", "minutes-1")
        hub.publish_old("alice", "hi", seconds=10 * 86400)
        assert code(alice, edit(1)) is None
        refusal = error(there, edit(seq_of(there, "hi")))
        assert refusal is not None
        assert refusal["message"] == "Messages cannot be edited here."


def test_a_message_without_a_time_is_too_old() -> None:
    with ExtrasHub(people={"a": Identity("alice")}) as hub:
        alice = hub.enter("a")
        hub.publish_old("alice", "hi", seconds=None)
        assert code(alice, edit(1)) == "forbidden"


@pytest.mark.parametrize(
    ("content", "refused"), [("", "invalid"), (" \n", "invalid"), (5, "invalid"), ("x" * 21, "too_large")]
)
def test_an_edit_says_nothing_that_a_message_may_not_say(content: str | int, refused: str) -> None:
    with ExtrasHub(others={"validation": {"max_length": 20}}) as hub:
        alice = hub.connect("alice")
        refusal = error(alice, edit(seq_of(alice, "hi"), content))
        assert refusal is not None
        assert (refusal["code"], refusal["path"]) == (refused, "content")
        assert refusal.get("example", {"type": "edit"}) in ({"type": "edit"}, edit(12, "What I meant"))


class Politeness(Plugin[PluginConfig]):
    """What any author writes who has never heard of edits."""

    @hookimpl
    def check_event(self, event: Message) -> None:
        if event.content == "heck":
            raise Rejected("forbidden", "Mind your words.")

    @hookimpl
    def transform_event(self, event: Message) -> Event | None:
        event.content = str(event.content).replace("darn", "d**n")
        return event


def test_a_filter_for_messages_is_one_for_edits() -> None:
    with ExtrasHub(others={"polite": {}}, plugins={"polite": Politeness}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        assert code(alice, edit(of, "heck")) == "forbidden"
        assert code(alice, edit(of, "darn it")) is None
        assert [event["content"] for event in bob.take("edit")] == ["d**n it"]


def test_edits_count_as_messages_for_the_rate_limit_and_typing_does_not() -> None:
    with ExtrasHub(others={"rate_limit": {"messages": 2}}) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        assert code(alice, edit(of)) is None
        assert code(alice, edit(of)) == "rate_limited"
        for is_typing in (True, False):
            assert code(alice, {"type": "typing", "is_typing": is_typing}) is None


def test_the_same_edit_sent_again_is_carried_out_once() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        for _ in range(2):
            alice.send({**edit(of), "id": "e"})
        first, second = alice.take("ack")
        assert (first["seq"], second["seq"], second["duplicate"]) == (of + 1, of + 1, True)
        assert len(bob.take("edit")) == 1


def test_an_edit_sent_again_is_acknowledged_also_when_it_would_be_refused_by_now() -> None:
    with ExtrasHub(people={"a": Identity("alice")}) as hub:
        alice = hub.enter("a")
        of = seq_of(alice, "hi")
        alice.send({**edit(of), "id": "e"})
        alice.send(delete(of))
        alice.take()
        alice.send({**edit(of), "id": "e"})
        ack = alice.receive("ack", id="e")
        assert (ack["seq"], ack["duplicate"]) == (of + 1, True)


def test_a_guest_who_comes_back_learns_that_an_edit_was_carried_out() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        alice.send({**edit(of), "id": "e"})
        alice.vanish()
        hub.advance(1)
        alice = hub.connect("alice")
        alice.send({**edit(of), "id": "e"})
        assert alice.receive("ack", id="e")["duplicate"] is True
        assert code(alice, edit(of)) == "forbidden"


@pytest.mark.parametrize("of", [0, -1, 2**53, 1.5, "1", None])
def test_a_number_that_no_event_has_is_refused_with_an_example(of: object) -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        refusal = error(alice, {"type": "edit", "of": of, "content": "x"})  # type: ignore[dict-item]
        assert refusal is not None
        assert (refusal["code"], refusal["path"]) == ("invalid", "of")
        assert refusal["example"] == edit(12, "What I meant")


def test_without_a_history_the_refusal_says_what_to_switch_on(caplog: pytest.LogCaptureFixture) -> None:
    with HubForTests({"chat": {}, "chat_extras": {}}) as hub:
        alice = hub.connect("alice")
        for event in (edit(1), delete(1), {"type": "read", "up_to": 1}):
            refusal = error(alice, event)
            assert refusal is not None
            assert refusal["code"] == "forbidden"
            assert (
                refusal["message"] == "This needs the plugin 'history', and nothing is kept of the room 'lobby'."
            )
        assert code(alice, {"type": "typing", "is_typing": True}) is None
        assert caplog.text.count("add a line 'history:' under 'plugins:'") == 1


def test_in_a_room_of_which_nothing_is_kept_there_is_nothing_to_edit() -> None:
    rooms = {"options": {"tmp-*": {"plugins": {"history": {"keep": 0}}}}}
    with ExtrasHub(rooms=rooms) as hub:
        alice = hub.connect("alice", "tmp-1")
        alice.say("hi")
        assert code(alice, edit(1)) == "forbidden"
