"""Who may edit and delete: authors, guests who were here, moderators, and the server's own code."""

import pytest
from hubbub.core import Identity
from hubbub.core.config_errors import ConfigError
from hubbub.core.service import perform
from hubbub.core.testing import HubForTests

from .extras import ExtrasHub, code, delete, edit, error, seq_of

PEOPLE = {
    "alice": Identity("alice"),
    "sue": Identity("sue", groups=frozenset({"staff"})),
    "mod": Identity("agent-7"),
    "token": Identity("tom", rooms={"team-*": frozenset({"join", "publish", "moderate"})}),
    "plain": Identity("pat", rooms={"team-*": frozenset({"join", "publish"})}),
}


def may_delete(moderators: list[str], token: str, room: str = "lobby") -> bool:
    with ExtrasHub(people=PEOPLE, moderators=moderators) as hub:
        alice, other = hub.enter("alice", room), hub.enter(token, room)
        return code(other, delete(seq_of(alice, "hi"))) is None


@pytest.mark.parametrize(
    ("moderators", "token", "room", "may"),
    [
        ([], "sue", "lobby", False),
        (["sue"], "sue", "lobby", True),
        (["user:sue"], "sue", "lobby", True),
        (["su"], "sue", "lobby", False),
        (["group:staff"], "sue", "lobby", True),
        (["group:sta*"], "sue", "lobby", False),
        (["group:staff"], "mod", "lobby", False),
        (["agent-*"], "mod", "lobby", True),
        (["alice", "agent-*"], "mod", "lobby", True),
        (["token"], "token", "team-1", True),
        (["token"], "token", "lobby", False),
        (["token"], "plain", "team-1", False),
        ([], "token", "team-1", False),
    ],
)
def test_moderators_are_whom_the_config_names(moderators: list[str], token: str, room: str, may: bool) -> None:
    assert may_delete(moderators, token, room) is may


def test_a_moderator_edits_at_any_time_and_it_is_seen_who_it_was() -> None:
    with ExtrasHub(people=PEOPLE, moderators=["sue"], edit_seconds=1) as hub:
        alice, sue = hub.enter("alice"), hub.enter("sue")
        hub.publish_old("alice", "hi", seconds=100)
        assert code(sue, edit(1, "[removed]")) is None
        assert alice.receive("edit")["user"] == "sue"


def test_moderators_can_differ_by_room() -> None:
    rooms = {"options": {"staff": {"plugins": {"chat_extras": {"moderators": ["sue"]}}}}}
    with ExtrasHub(people=PEOPLE, rooms=rooms) as hub:
        for room, refused in (("lobby", "forbidden"), ("staff", None)):
            alice, sue = hub.enter("alice", room), hub.enter("sue", room)
            assert code(sue, delete(seq_of(alice, "hi"))) == refused


def test_a_guest_is_no_moderator_whatever_the_name() -> None:
    with ExtrasHub(moderators=["sue"]) as hub:
        alice, sue = hub.connect("alice"), hub.connect("sue")
        assert code(sue, delete(seq_of(alice, "hi"))) == "forbidden"


def test_a_user_edits_from_any_connection_also_later() -> None:
    with ExtrasHub(people=PEOPLE) as hub:
        laptop = hub.enter("alice")
        of = seq_of(laptop, "hi")
        laptop.close()
        hub.advance(60)
        assert code(hub.enter("alice"), edit(of)) is None


def test_a_guest_edits_from_every_tab_while_one_of_them_is_open() -> None:
    with ExtrasHub() as hub:
        tab = hub.connect("alice")
        of = seq_of(tab, "hi")
        hub.advance(1)
        other = hub.connect("alice")
        assert code(other, edit(of)) is None
        assert code(tab, edit(of)) is None


def test_who_takes_the_name_of_a_guest_gets_none_of_what_the_guest_said() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        alice.close()
        hub.advance(1)
        mallory = hub.connect("alice")
        for event, deed in ((edit(of), "edit"), (delete(of), "delete")):
            refusal = error(mallory, event)
            assert refusal is not None
            assert refusal["message"] == (
                f"A guest may {deed} only what was said since the guest came: the name alone proves nothing."
            )


def test_the_servers_own_code_edits_and_deletes_what_anybody_said() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        for event in (edit(of), delete(of)):
            hub.run(perform(hub.hub, Identity("backend", "service"), {**event, "room": "lobby"}))
        assert [(event["type"], event["user"]) for event in alice.take() if event["type"] != "system"][-2:] == [
            ("edit", "backend"),
            ("delete", "backend"),
        ]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("everyone", "'everyone' has no meaning here. A user of that name is 'user:everyone'"),
        ("gruop:staff", "'gruop:staff' begins with none of user:…, group:…"),
        ("group:", "'group:' has no name in it"),
        ("", "'' has no name in it"),
    ],
)
def test_a_moderator_that_cannot_be_meant_stops_the_start(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HubForTests({"chat_extras": {"moderators": [word]}})
    assert said in str(caught.value)
