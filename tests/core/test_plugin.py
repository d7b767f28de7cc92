from typing import Generic, TypeVar

import pytest
from hubbub.core import Connection, Plugin, PluginConfig, StateKey, hookimpl
from hubbub.core.plugin import State
from hubbub.core.testing import HubForTests
from pydantic import ValidationError

NUMBER = StateKey[int]("test.number")
WORD = StateKey[str]("test.word")


class Options(PluginConfig):
    limit: int = 3


class Deeper(Options):
    depth: int = 1


C = TypeVar("C", bound=Options)


class Middle(Plugin[C], Generic[C]):
    pass


class Counts(Plugin[Options]):
    """Counts the events of each connection."""

    @hookimpl
    def check_event(self, connection: Connection) -> None:
        connection.state[NUMBER] = connection.state.get(NUMBER, 0) + 1


def test_state_is_read_by_its_key_and_has_none_until_it_is_set() -> None:
    state = State()
    assert NUMBER not in state
    assert state.get(NUMBER) is None
    assert state.get(NUMBER, 7) == 7
    assert state.pop(NUMBER, 8) == 8
    with pytest.raises(KeyError):
        state[NUMBER]
    state[NUMBER] = 0
    assert (NUMBER in state, WORD in state) == (True, False)
    assert (state[NUMBER], state.get(NUMBER, 7)) == (0, 0)
    with pytest.raises(KeyError):
        state[WORD]
    assert (state.pop(NUMBER, 8), NUMBER in state) == (0, False)


def test_clearing_forgets_everything_and_the_state_can_be_used_again() -> None:
    state = State()
    state[NUMBER], state[WORD] = 1, "a"
    state.clear()
    assert (NUMBER in state, WORD in state) == (False, False)
    state[WORD] = "b"
    assert state[WORD] == "b"


def test_two_keys_of_one_name_are_not_the_same() -> None:
    state, other = State(), StateKey[int]("test.number")
    state[NUMBER] = 1
    assert other not in state
    assert repr(NUMBER) == "StateKey('test.number')"


def test_each_connection_has_a_state_of_its_own_that_ends_with_it() -> None:
    with HubForTests({"counts": {}}, plugins={"counts": Counts}) as hub:
        alice, bob = hub.connect("alice"), hub.connect("alice")
        for _ in range(2):
            alice.send({"type": "ping"})
        bob.send({"type": "ping"})
        states = [client.connection.state for client in (alice, bob)]
        assert [state[NUMBER] for state in states] == [2, 1]
        alice.vanish()
        assert [NUMBER in state for state in states] == [False, True]


def test_the_config_class_is_the_one_in_the_brackets() -> None:
    class Plain(Plugin[PluginConfig]):
        pass

    class Child(Counts):
        pass

    class Last(Middle[Deeper]):
        pass

    assert Counts.config_type() is Options
    assert Plain.config_type() is PluginConfig
    assert Child.config_type() is Options
    assert Last.config_type() is Deeper


def test_a_room_without_a_pattern_has_the_config_of_the_plugin() -> None:
    rooms = {"options": {"quiet-*": {"plugins": {"counts": {"limit": 1}}}, "wide-*": {"max_members": 9}}}
    with HubForTests({"counts": {"limit": 5}}, plugins={"counts": Counts}, rooms=rooms) as hub:
        counts = hub.hub.plugins["counts"]
        assert isinstance(counts, Counts)
        assert [counts.config_for(room).limit for room in ("quiet-1", "wide-1", "lobby", None)] == [1, 5, 5, 5]
        hub.connect("alice", "quiet-2")
        assert counts.config_for("quiet-2").limit == 1


def test_a_config_refuses_unknown_keys_and_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"limits": 3})
    with pytest.raises(ValidationError):
        Options(limit=1).limit = 2
    for wrong in ({"hook_timeout": 0}, {"hook_timeout": float("inf")}, {"on_error": "ignore"}):
        with pytest.raises(ValidationError):
            Options.model_validate(wrong)
