"""What is remembered of messages: bounded, and told again by the history."""

from hubbub.core import RoomEvent
from hubbub.plugins.chat_extras.states import MessageState, MessageStates
from hubbub.protocol import Encoded


def events(*jsons: str) -> list[Encoded]:
    return [Encoded(RoomEvent(), json.encode()) for json in jsons]


def test_only_what_is_about_the_message_counts() -> None:
    state = MessageState(1)
    state.follow(
        events(
            '{"type":"message","user":"a","seq":2,"content":"\\"of\\":1"}',
            '{"type":"reaction","user":"a","seq":3,"of":11,"emoji":"x"}',
            '{"type":"reaction","user":"a","seq":4,"of":1,"emoji":"y"}',
            '{"type":"poll","user":"a","seq":5,"of":1,"emoji":["of another plugin"]}',
            '{"type":"vote","seq":6,"content":{"of":1}}',
        ),
        1,
    )
    assert (state.is_deleted, state.reactions, state.up_to) == (False, {"a": {"y"}}, 6)


def test_what_was_taken_in_is_skipped() -> None:
    state, added = MessageState(1), '{"type":"reaction","user":"a","of":1,"emoji":"x"}'
    removed = '{"type":"reaction","user":"a","of":1,"emoji":"x","removed":true}'
    state.follow(events(added, removed), 1)
    state.follow(events(added), 1)
    assert state.reactions == {}
    state.follow(events(removed, added, '{"type":"delete","of":1}'), 2)
    assert (state.reactions, state.is_deleted, state.up_to) == ({"a": {"x"}}, True, 5)


def test_the_messages_touched_last_are_remembered_by_how_much_there_is_of_them() -> None:
    states = MessageStates(most=6)
    popular = MessageState(1)
    for number in range(3):
        popular.react(f"user-{number}", "x", removed=False)
    states.keep(("lobby", "e", 1), popular)
    for of in (2, 3):
        states.keep(("lobby", "e", of), MessageState(of))
    assert len(states) == 3
    states.keep(("lobby", "e", 4), MessageState(4))
    assert states.get(("lobby", "e", 1)) is None
    assert len(states) == 3
    popular.react("one too many", "x", removed=False)
    popular.react("two too many", "x", removed=False)
    popular.react("three too many", "x", removed=False)
    states.keep(("lobby", "e", 1), popular)
    assert len(states) == 0


def test_a_state_that_changed_counts_as_it_is_now() -> None:
    states, state = MessageStates(most=3), MessageState(1)
    for _ in range(5):
        state.react("alice", "x", removed=False)
        states.keep(("lobby", "e", 1), state)
        state.react("alice", "x", removed=True)
        states.keep(("lobby", "e", 1), state)
    states.keep(("lobby", "e", 2), MessageState(2))
    states.keep(("lobby", "e", 3), MessageState(3))
    assert len(states) == 3
