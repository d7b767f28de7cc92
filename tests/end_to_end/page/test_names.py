"""A guest keeps a name: in other tabs, after a reload, after a restart; and nobody else gets it meanwhile."""

from __future__ import annotations

import json
import re
import signal

import pytest

from .page_parts import (
    Enter,
    OpenPage,
    Page,
    connection,
    dialog,
    draft,
    expect,
    give_name,
    me,
    messages,
    people,
    refused,
    say,
)
from .page_server import PageServer

TAKEN = "The name 'alice' is taken by somebody online."


def kept_names(page: Page) -> list[str]:
    """The names of which the browser has a key."""
    return page.evaluate("""() => Object.entries(localStorage)
        .filter(([key]) => key.endsWith(":guest_keys"))
        .flatMap(([, value]) => Object.keys(JSON.parse(value)))""")


def test_a_taken_name_leads_back_to_the_question_with_the_servers_reason(
    enter: Enter, open_page: OpenPage
) -> None:
    alice = enter("alice")
    other = open_page()
    give_name(other, "alice")
    expect(dialog(other)).to_contain_text(TAKEN)
    expect(other.get_by_label("Your name")).to_be_focused()
    expect(other.get_by_label("Your name")).to_have_value("alice-2")
    other.keyboard.press("Enter")
    expect(me(other)).to_have_text("alice-2")
    expect(people(alice)).to_have_text(["alice", "alice-2"])
    expect(draft(other)).to_be_focused()


def test_who_cancels_that_question_can_have_it_again(enter: Enter, open_page: OpenPage) -> None:
    enter("alice")
    other = open_page()
    give_name(other, "alice")
    expect(dialog(other)).to_contain_text(TAKEN)
    other.keyboard.press("Escape")
    expect(connection(other)).to_have_text(TAKEN)
    other.get_by_role("button", name="Change name").click()
    give_name(other, "bob")
    expect(me(other)).to_have_text("bob")
    expect(connection(other)).to_have_text("Connected")


def test_a_name_that_imitates_another_leads_back_to_the_question_and_keeps_the_room(
    enter: Enter, open_page: OpenPage
) -> None:
    enter("alice")
    other = open_page("?room=garden")
    give_name(other, "Alice")
    expect(dialog(other)).to_contain_text("The name 'Alice' looks like 'alice'")
    give_name(other, "bob")
    expect(connection(other)).to_have_text("Connected")
    expect(other.get_by_role("heading", level=1)).to_have_text("garden")


def test_a_second_tab_is_the_same_person(enter: Enter, open_page: OpenPage) -> None:
    bob, alice = enter("bob"), enter("alice")
    second = open_page(beside=alice)
    expect(connection(second)).to_have_text("Connected")
    expect(me(second)).to_have_text("alice")
    say(second, "from the second tab")
    for page in (alice, second, bob):
        expect(messages(page)).to_have_text(["from the second tab"])
        expect(people(page)).to_have_count(2)
    expect(alice.locator(".message.mine")).to_have_count(1)


@pytest.mark.parametrize("first", [0, 1])
def test_both_tabs_come_back_after_a_restart_which_makes_their_key_worthless(
    server: PageServer, enter: Enter, open_page: OpenPage, first: int
) -> None:
    alice = enter("alice", jitter=20)
    tabs = [alice, open_page(beside=alice, jitter=20)]
    expect(connection(tabs[1])).to_have_text("Connected")
    server.end(signal.SIGKILL)
    for tab in tabs:
        expect(connection(tab)).to_contain_text("Reconnecting")
    server.start()
    for tab in (tabs[first], tabs[1 - first]):
        tab.get_by_role("button", name="Try now").click()
    for tab in tabs:
        expect(connection(tab)).to_have_text("Connected", timeout=15_000)
        expect(me(tab)).to_have_text("alice")
        expect(dialog(tab)).to_have_count(0)
    expect(people(tabs[0])).to_have_text(["alice"])


def test_a_name_that_somebody_took_during_a_restart_is_asked_for_anew(server: PageServer, enter: Enter) -> None:
    alice = enter("alice", jitter=20)
    server.restart()
    with server.connect("/lobby?user=alice") as thief:
        thief.recv(timeout=20)
        say(alice, "written meanwhile")
        alice.get_by_role("button", name="Try now").click()
        expect(dialog(alice)).to_contain_text(TAKEN, timeout=15_000)
        assert kept_names(alice) == []
        alice.keyboard.press("Enter")
        expect(me(alice)).to_have_text("alice-2")
        refused(alice).filter(has_text="written meanwhile").get_by_role("button", name="Try again").click()
        expect(messages(alice)).to_have_text(["written meanwhile"])


def test_a_tab_that_is_refused_with_an_old_key_waits_for_the_one_that_another_tab_gets(
    server: PageServer, enter: Enter
) -> None:
    alice = enter("alice", jitter=20)
    server.restart()
    with server.connect("/lobby?user=alice") as faster:
        key = json.loads(faster.recv(timeout=20))["guest_key"]
        with alice.expect_websocket() as refused_connection:
            alice.get_by_role("button", name="Try now").click()
        if not refused_connection.value.is_closed():
            refused_connection.value.wait_for_event("close")
        other = alice.context.new_page()
        other.goto(server.url + "readyz")
        keys = {"alice": {"key": key, "at": 2_000_000_000_000}}
        other.evaluate("value => localStorage.setItem('hubbub:/:guest_keys', value)", json.dumps(keys))
        expect(connection(alice)).to_have_text("Connected", timeout=2_500)
        expect(dialog(alice)).to_have_count(0)


def test_a_guest_with_a_made_up_name_keeps_it_over_a_reload(open_page: OpenPage) -> None:
    page = open_page()
    page.keyboard.press("Escape")
    expect(connection(page)).to_have_text("Connected")
    name = me(page).inner_text()
    assert re.fullmatch(r"\w+-\w+-\d+", name)
    page.reload()
    expect(connection(page)).to_have_text("Connected")
    expect(me(page)).to_have_text(name)


def test_the_browser_forgets_keys_beyond_the_newest_twenty(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate("""async () => {
        const { GuestKeys } = await import("/page/guest_keys.js");
        const keys = new GuestKeys();
        let now = Date.now();
        Date.now = () => now++;
        for (let number = 0; number < 25; number++) keys.keep(`guest-${number}`, "key");
    }""")
    assert kept_names(page) == [f"guest-{number}" for number in range(24, 4, -1)]
