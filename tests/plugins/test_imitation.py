"""The validation plugin: what people may call themselves."""

# ruff: noqa: RUF001, RUF003

import pytest
from hubbub.core.testing import HubForTests
from hubbub.plugins.validation.imitation import mixes_scripts, skeleton

IMITATIONS_OF_ALICE = [
    "Alice",
    "ALICE",
    "аlice",  # Cyrillic а
    "alicе",  # Cyrillic е
    "аӏісе",  # all of it Cyrillic
    "ａｌｉｃｅ",  # full width
    "𝐚𝐥𝐢𝐜𝐞",  # mathematical bold
    "𝐀𝐋𝐈𝐂𝐄",
    "alíce",
    "ali\u0308ce",
    "a1ice",
    "AIice",  # a capital i
    "a|ice",
    "al ice",
    "alice\u3164",
    "a\ufe0flice",
    "\u2800alice",
]


@pytest.mark.parametrize("name", IMITATIONS_OF_ALICE)
def test_a_name_that_looks_like_that_of_somebody_online_is_refused(name: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        hub.connect("alice")
        imitator = hub.connect(name)
        assert imitator.close_code == 4003
        assert imitator.events == []
        assert list(hub.manager.users) == ["alice"]


def test_the_refusal_says_whose_name_it_looks_like() -> None:
    with HubForTests({"validation": {}}) as hub:
        hub.connect("alice")
        assert hub.connect("a1ice").close_reason == "The name 'a1ice' looks like 'alice', who is online."


@pytest.mark.parametrize(
    ("online", "other"), [("corner", "comer"), ("vvanda", "wanda"), ("Søren", "soren"), ("0tto", "otto")]
)
def test_other_ways_to_look_alike(online: str, other: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        assert hub.connect(online).close_code is None
        assert hub.connect(other).close_code == 4003


def test_the_user_itself_may_come_with_more_connections() -> None:
    with HubForTests({"validation": {}}) as hub:
        for name in ("alice", "Zoë", "佐々木"):
            assert [hub.connect(name).close_code for _ in range(3)] == [None] * 3


def test_a_name_is_free_again_when_the_last_connection_of_its_look_alike_is_gone() -> None:
    with HubForTests({"validation": {}}) as hub:
        tabs = [hub.connect("alice"), hub.connect("alice")]
        tabs[0].close()
        assert hub.connect("Alice").close_code == 4003
        tabs[1].vanish()
        assert hub.connect("Alice").close_code is None
        assert hub.connect("alice").close_code == 4003


def test_who_was_refused_leaves_the_name_as_it_was() -> None:
    with HubForTests({"validation": {}}) as hub:
        hub.connect("alice")
        hub.connect("Alice")
        assert hub.connect("ALICE").close_code == 4003
        assert hub.connect("alice").close_code is None


@pytest.mark.parametrize("name", ["bоb", "Грigor", "αlpha", "привет bob", "ボブпока"])
def test_a_name_that_mixes_scripts_is_refused(name: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        client = hub.connect(name)
        assert client.close_code == 4003
        assert client.close_reason == "Your name mixes scripts that look alike; use one."


@pytest.mark.parametrize(
    "name",
    [
        "Андрей",
        "Ελένη",
        "מרים",
        "فاطمة",
        "佐々木",
        "ユーザー",
        "Tanakaさん",
        "山田エリ",
        "김민준 Kim",
        "王小明Wang",
        "देवी",
        "สมชาย",
        "Kamaʻāina",
        "O'Neill-Smith 3rd",
        "zoë 🌱",
        "calm-otter-42",
    ],
)
def test_names_of_all_languages_are_welcome(name: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        assert hub.connect(name).close_code is None


@pytest.mark.parametrize("name", ["server", "Server", "ＳＹＳＴＥＭ", "5y5tem", "hubbub", "sуstem", "Hub bub"])
def test_reserved_names_and_what_looks_like_them_are_refused(name: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        client = hub.connect(name)
        assert client.close_code == 4003
        assert "reserved" in client.close_reason


def test_reserved_names_are_an_option_and_may_differ_by_room() -> None:
    rooms = {"options": {"support-*": {"plugins": {"validation": {"reserved_names": ["agent"]}}}}}
    with HubForTests({"validation": {"reserved_names": ["boss"]}}, rooms=rooms) as hub:
        assert hub.connect("B0SS").close_code == 4003
        assert hub.connect("server").close_code is None
        assert hub.connect("Agent").close_code is None
        assert hub.connect("agent", "support-1").close_code == 4003


@pytest.mark.parametrize("name", ["\u3164", "\u2800", "\u115f\u1160", "\ufe0f"])
def test_a_name_that_shows_nothing_is_refused(name: str) -> None:
    with HubForTests({"validation": {}}) as hub:
        assert hub.connect(name).close_code == 4003


def test_where_names_are_given_out_by_the_deployer_look_alikes_can_be_allowed() -> None:
    with HubForTests({"validation": {"imitations": "allow"}}) as hub:
        for name in ("Jose", "José", "jose", "bоb"):
            assert hub.connect(name).close_code is None
        assert hub.connect("server").close_code == 4003


def test_who_is_allowed_to_look_like_another_does_not_free_the_name_by_leaving() -> None:
    rooms = {"options": {"staff": {"plugins": {"validation": {"imitations": "allow"}}}}}
    with HubForTests({"validation": {}}, rooms=rooms) as hub:
        hub.connect("alice")
        hub.connect("Alice", "staff").close()
        assert hub.connect("ALICE").close_code == 4003


def test_marks_that_tell_letters_apart_are_not_accents() -> None:
    assert skeleton("さき") != skeleton("ざき")
    assert skeleton("José") == skeleton("jose")


def test_only_letters_have_a_script() -> None:
    assert not mixes_scripts("42 → 🌱 ½")
    assert not mixes_scripts("№ Анна")


def test_nothing_is_kept_of_names_that_are_gone() -> None:
    with HubForTests({"validation": {}}) as hub:
        for number in range(20):
            hub.connect(f"user {number}").vanish()
        assert vars(hub.hub.plugins["validation"])["_online"] == {}
