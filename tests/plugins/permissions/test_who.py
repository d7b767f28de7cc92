"""Whom the words of the rules mean, and which rooms a pattern means."""

from fnmatch import fnmatchcase
from glob import escape

import pytest
from hubbub.core import Identity
from hubbub.plugins.permissions.pattern import RoomPattern
from hubbub.plugins.permissions.rules import Rules
from hypothesis import assume, example, given
from hypothesis import strategies as st

ALICE = Identity("alice")
GUEST = Identity("alice", "guest")


def is_meant(who: str | list[str], identity: Identity, room: str = "hall", pattern: str = "*") -> bool:
    return Rules({pattern: {"join": who}}).allow(identity, "join", room) is True


def claiming(**claims: object) -> Identity:
    return Identity("alice", claims=claims)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "of_alice", "of_a_guest"),
    [
        ("everyone", True, True),
        ("nobody", False, False),
        ("users", True, False),
        ("guests", False, True),
        ("alice", True, False),
        ("user:alice", True, False),
        ("a*", True, False),
        ("user:*", True, False),
        ("al?ce", True, False),
        ("[ab]lice", True, False),
        ("Alice", False, False),
        ("alic", False, False),
        ("*lic", False, False),
        ("token", False, False),
        ("group:staff", False, False),
        ([], False, False),
        (["bob", "alice"], True, False),
        (["guests", "alice"], True, True),
        (["bob", "group:staff"], False, False),
    ],
)
def test_a_word_means_those_that_it_names(who: str | list[str], of_alice: bool, of_a_guest: bool) -> None:
    assert is_meant(who, ALICE) is of_alice
    assert is_meant(who, GUEST) is of_a_guest


def test_a_user_may_be_called_like_a_word() -> None:
    assert is_meant("user:everyone", Identity("everyone"))
    assert not is_meant("user:everyone", ALICE)
    assert is_meant("user:group:x", Identity("group:x"))


def test_a_group_is_compared_as_it_stands() -> None:
    staff = Identity("alice", groups=frozenset({"staff", "[x] y"}))
    assert is_meant("group:staff", staff)
    assert is_meant("group:[x] y", staff)
    assert not is_meant("group:Staff", staff)
    assert not is_meant("group:taff", staff)


@pytest.mark.parametrize(
    ("who", "claims", "expected"),
    [
        ("claim:plan=gold", {"plan": "gold"}, True),
        ("claim:plan=gold", {"plan": "golden"}, False),
        ("claim:plan=gold", {"plan": ["silver", "gold"]}, True),
        ("claim:plan=gold", {"plan": {"gold": True}}, False),
        ("claim:plan=gold", {"plan": None}, False),
        ("claim:plan=gold", {}, False),
        ("claim:admin=true", {"admin": True}, True),
        ("claim:admin=true", {"admin": 1}, False),
        ("claim:admin=false", {"admin": False}, True),
        ("claim:level=5", {"level": 5}, True),
        ("claim:level=5", {"level": 55}, False),
        ("claim:half=0.5", {"half": 0.5}, True),
        ("claim:a.b=x", {"a": {"b": "x"}}, True),
        ("claim:a.b.c=x", {"a": {"b": {"c": ["x"]}}}, True),
        ("claim:a.b=x", {"a.b": "x"}, True),
        ("claim:a.b.c=x", {"a.b": {"c": "x"}}, True),
        ("claim:a.b=x", {"a": "x"}, False),
        ("claim:a.b=x", {"a": {"b.c": "x"}}, False),
        ("claim:https://example.com/role=chief", {"https://example.com/role": "chief"}, True),
        ("claim:key=a=b", {"key": "a=b"}, True),
        ("claim:name=é", {"name": "e\u0301"}, False),
    ],
)
def test_a_claim_is_looked_up_and_compared(who: str, claims: dict[str, object], expected: bool) -> None:
    assert is_meant(who, claiming(**claims)) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.text(min_size=1), st.text(min_size=1))
def test_no_claims_of_any_kind_break_the_check(claims: dict[str, object], path: str, value: str) -> None:
    assume("=" not in path and path == path.strip() and value == value.strip())
    assert is_meant(f"claim:{path}={value}", claiming(**claims)) in (True, False)


def test_a_token_gives_the_rights_that_it_names_in_the_rooms_that_it_names() -> None:
    bearer = Identity("alice", rooms={"class-7": frozenset({"join"}), "team-*": frozenset({"join", "publish"})})
    rules = Rules({"*": {"join": "token"}})
    assert rules.allow(bearer, "join", "class-7")
    assert not rules.allow(bearer, "publish", "class-7")
    assert not rules.allow(bearer, "join", "class-77")
    assert rules.allow(bearer, "publish", "team-7")
    assert not rules.allow(bearer, "history", "team-7")
    assert not rules.allow(bearer, "join", "my-team-7")


def test_a_guest_with_credentials_has_what_they_carry_and_nothing_by_name() -> None:
    guest = Identity(
        "alice", "guest", groups=frozenset({"trial"}), claims={"plan": "free"}, rooms={"hall": frozenset({"join"})}
    )
    assert all(is_meant(who, guest) for who in ("group:trial", "claim:plan=free", "token", "guests"))
    assert not any(is_meant(who, guest) for who in ("alice", "user:alice", "users"))
    assert not is_meant("owner", guest, "@alice", "@{user}")


# Patterns


@pytest.mark.parametrize(
    ("pattern", "room", "owner"),
    [
        ("hall", "hall", ""),
        ("hall", "hall2", None),
        ("Hall", "hall", None),
        ("team-?", "team-1", ""),
        ("[!a]*", "abc", None),
        ("a.c", "abc", None),
        ("[{]x}[}]", None, None),
        ("@{user}", "@alice", "alice"),
        ("@{user}", "@", ""),
        ("@{user}", "@@a*b", "@a*b"),
        ("@{user}", "x@alice", None),
        ("in.{user}.box", "in.alice.box", "alice"),
        ("in.{user}.box", "inxalicexbox", None),
        ("{user}/*", "alice/garden", "alice"),
        ("{user}/*", "alice/a/b", "alice"),
        ("{user}/*", "alice", None),
        ("{user}-[0-9]", "a-b-7", "a-b"),
        ("{user}--*", "a---x", "a"),
        ("game-*-{user}", "game-7-alice", "alice"),
        ("game-*-{user}", "game-7-b-alice", "alice"),
        ("game-?-{user}", "game-7-b-alice", "b-alice"),
        ("*.{user}.log", "a.b.log.log", "log"),
    ],
)
def test_a_pattern_says_which_rooms_it_means_and_whose_they_are(
    pattern: str, room: str | None, owner: str | None
) -> None:
    if room is None:
        with pytest.raises(ValueError, match="stands for nothing"):
            RoomPattern(pattern)
    else:
        assert RoomPattern(pattern).owner_of(room) == owner


def test_braces_may_stand_in_the_name_of_a_room() -> None:
    assert RoomPattern("[{]user[}]").owner_of("{user}") == ""
    assert RoomPattern("a[{]-{user}").owner_of("a{-bob") == "bob"


NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("*?[]!{}/-.ab"), min_size=1, max_size=12
)
PATTERNS = st.sampled_from(
    ["@{user}", "{user}/*", "{user}-?", "in.{user}.box", "*-{user}", "[ab]-{user}", "{user}"],
)


@given(PATTERNS, NAMES, NAMES)
@example("{user}/*", "a/b", "c")
@example("*-{user}", "a-b", "c")
def test_the_owner_of_a_room_is_in_its_name_exactly_where_the_pattern_says(
    pattern: str, user: str, rest: str
) -> None:
    for room in (user, pattern.replace("{user}", user).replace("*", rest).replace("?", "x").replace("[ab]", "a")):
        owner = RoomPattern(pattern).owner_of(room)
        if owner:
            assert owner in room
            assert fnmatchcase(room, pattern.replace("{user}", escape(owner)))
            assert is_meant("owner", Identity(owner), room, pattern)


@given(PATTERNS, NAMES, NAMES)
def test_a_room_has_one_owner_at_most(pattern: str, room: str, other: str) -> None:
    owner = RoomPattern(pattern).owner_of(room)
    assume(other != owner)
    assert not is_meant("owner", Identity(other), room, pattern)
