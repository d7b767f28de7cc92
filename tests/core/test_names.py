import pytest
from hubbub.core.names import check_room_name, check_user_name, guest_name, matches_any
from hubbub.protocol import Rejected
from hypothesis import given
from hypothesis import strategies as st

GOOD = ["a", "alice", "Alice B. Liddell", "日本", "élodie", "a" * 64, "<b>", "🙂", "agent-7"]
BAD = ["", " ", " a", "a ", "a\n", "a\tb", "\x00", "\x1b[1m", "\u200b", "\u202eabc", "\ud800", "\u00a0", "a" * 129]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_can_be_seen_is_a_user_name(name: str) -> None:
    assert check_user_name(name) == name


@pytest.mark.parametrize("name", [*BAD, "a" * 65])
def test_a_name_that_cannot_be_seen_or_is_too_long_is_no_user_name(name: str) -> None:
    with pytest.raises(Rejected, match="1 to 64 visible characters") as caught:
        check_user_name(name)
    assert (caught.value.code, caught.value.path, caught.value.close_code) == ("invalid", "user", 4003)


@pytest.mark.parametrize("name", [*(name for name in GOOD if " " not in name), "a" * 128])
def test_a_name_without_spaces_is_a_room_name(name: str) -> None:
    assert check_room_name(name) == name


@pytest.mark.parametrize("name", [*BAD, "two words", "a\u3000b"])
def test_a_name_with_a_space_or_that_cannot_be_seen_is_no_room_name(name: str) -> None:
    with pytest.raises(Rejected, match="1 to 128 visible characters") as caught:
        check_room_name(name, {"type": "join", "room": "garden"})
    assert (caught.value.code, caught.value.path) == ("invalid", "room")
    assert caught.value.example == {"type": "join", "room": "garden"}


def test_patterns_are_those_of_a_shell_and_case_counts() -> None:
    assert matches_any("agent-7", ["alice", "agent-*"])
    assert matches_any("alice", ["a?ice"])
    assert matches_any("a", ["[ab]"])
    assert not matches_any("Agent-7", ["agent-*"])
    assert not matches_any("my-agent-7", ["agent-*"])
    assert not matches_any("anybody", [])


@given(st.text(max_size=70))
def test_any_text_is_a_name_or_is_refused(name: str) -> None:
    for check in (check_user_name, check_room_name):
        try:
            assert check(name) == name
        except Rejected:
            continue
        assert name.isprintable()
        assert name


def test_a_guest_gets_a_name_that_nobody_has() -> None:
    class Taken(set[str]):
        asked = 0

        def __contains__(self, name: object) -> bool:
            self.asked += 1
            return self.asked <= 20

    taken = Taken()
    name = guest_name(taken)
    assert taken.asked == 21
    assert check_user_name(name) == check_room_name(name) == name
    assert len({guest_name(()) for _ in range(20)}) > 10
