"""What new credentials change on a connection that stays open."""

import asyncio
import logging
from typing import Any, cast

import pytest
from hubbub.core import Identity, Plugin, PluginConfig, hookimpl

from .door import PermissionsHub, refusal

STAFF = {"join": "group:staff"}
OPEN = {"join": "everyone"}


def in_groups(*groups: str) -> Identity:
    return Identity("sue", groups=frozenset(groups))


def test_who_may_stay_nowhere_any_more_is_taken_out_of_those_rooms_and_told_why() -> None:
    with PermissionsHub({"staff-*": STAFF, "*": OPEN}) as hub:
        sue, bob = hub.enter("staff"), hub.enter("bob")
        for room in ("staff-1", "staff-2"):
            sue.send({"type": "join", "room": room})
        sue.take()
        hub.refresh(sue, in_groups())
        told = sue.take()
        assert [(event["event"], event.get("room")) for event in told] == [
            ("left", "staff-1"),
            ("left", "staff-2"),
            ("refreshed", None),
        ]
        assert {event["reason"] for event in told[:2]} == {"kicked"}
        assert told[0]["message"] == "Your credentials no longer let you be in the room 'staff-1'."
        assert list(sue.connection.rooms) == ["lobby"]
        assert list(hub.manager.rooms) == ["lobby"]
        assert sue.close_code is None
        bob.say("still here?")
        assert sue.receive("message", content="still here?")


def test_the_others_in_the_room_are_told_that_somebody_was_removed() -> None:
    people = {"a": in_groups("staff"), "b": Identity("bob", groups=frozenset({"staff"}))}
    with PermissionsHub({"staff": STAFF, "*": OPEN}, people=people) as hub:
        sue, bob = hub.enter("a", "staff"), hub.enter("b", "staff")
        hub.refresh(sue, in_groups())
        assert bob.receive("system", event="left", user="sue")["reason"] == "kicked"


def test_nothing_that_is_published_after_the_loss_arrives() -> None:
    with PermissionsHub({"staff": STAFF, "*": OPEN}) as hub:
        sue, other = hub.enter("staff", "staff"), hub.enter("staff", "staff")
        hub.refresh(sue, in_groups())
        other.say("secret")
        assert other.receive("message", content="secret")
        assert not sue.take("message")


def test_a_room_that_was_left_is_not_entered_again() -> None:
    with PermissionsHub({"staff": STAFF, "*": OPEN}) as hub:
        sue = hub.enter("staff", "staff")
        hub.refresh(sue, in_groups())
        assert refusal(sue, {"type": "join", "room": "staff"}) == "You may not enter the room 'staff'."
        assert refusal(sue, {"type": "message", "content": "hi", "room": "staff"}) is not None


def test_other_rights_change_with_the_next_event() -> None:
    rules = {"hall": {"join": "everyone", "publish": "group:staff", "presence": "group:chiefs"}, "*": OPEN}
    with PermissionsHub(rules, private="group:staff") as hub:
        sue, whisper = hub.enter("staff", "hall"), {"type": "private", "to": "sue", "content": "psst"}
        assert refusal(sue) is None
        assert refusal(sue, whisper) is None
        assert refusal(sue, {"type": "presence"}) is not None
        hub.refresh(sue, in_groups("chiefs"))
        assert refusal(sue) is not None
        assert refusal(sue, whisper) is not None
        assert refusal(sue, {"type": "presence"}) is None
        hub.refresh(sue, in_groups("staff"))
        assert refusal(sue) is None


def test_a_connection_is_judged_by_its_own_credentials() -> None:
    with PermissionsHub({"staff": STAFF, "*": OPEN}) as hub:
        tab, other_tab = hub.enter("staff", "staff"), hub.enter("staff", "staff")
        hub.refresh(tab, in_groups())
        assert refusal(other_tab) is None
        assert "staff" not in tab.connection.rooms


def test_a_refused_refresh_takes_nothing_away() -> None:
    with PermissionsHub({"staff": STAFF, "*": OPEN}) as hub:
        sue = hub.enter("staff", "staff")
        hub.refresh(sue, Identity("mallory"))
        assert sue.receive("error")["code"] == "forbidden"
        assert refusal(sue) is None


def test_rights_that_cannot_be_told_close_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with PermissionsHub({"staff": STAFF, "*": OPEN}) as hub:
        sue = hub.enter("staff", "staff")
        hub.refresh(sue, Identity("sue", groups=cast(Any, None)))
        assert sue.close_code == 1011
        assert not hub.manager.rooms
    assert "'permissions' failed in refreshed" in caplog.text


def test_a_plugin_that_waits_for_the_leaving_holds_up_the_answer_not_the_leaving() -> None:
    class Slow(Plugin[PluginConfig]):
        @hookimpl
        async def left(self) -> None:
            await asyncio.sleep(1)

    with PermissionsHub({"staff-*": STAFF, "*": OPEN}, plugins={"slow": Slow}) as hub:
        sue = hub.enter("staff")
        for room in ("staff-1", "staff-2"):
            sue.send({"type": "join", "room": room})
        sue.take()
        hub.refresh(sue, in_groups())
        assert list(sue.connection.rooms) == ["lobby"]
        assert [event["event"] for event in sue.take()] == ["left", "left"]
        hub.advance(2)
        assert [event["event"] for event in sue.take()] == ["refreshed"]
