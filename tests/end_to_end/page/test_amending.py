"""What people do with messages that have been said: edit, delete, react."""

from __future__ import annotations

import pytest

from .page_parts import (
    PHONE,
    Enter,
    Page,
    chips,
    deliver,
    draft,
    expect,
    menu_button,
    message,
    messages,
    say,
    tab_to,
)
from .page_server import PageServer


@pytest.fixture(autouse=True)
def _extras(server: PageServer) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={"reactions": ["👍", "🎉", "<b>hi</b>"]})


def choose(page: Page, text: str, action: str) -> None:
    """Picks something from the menu of the message that says this."""
    message(page, text).hover()
    menu_button(page, text).click()
    page.get_by_role("dialog", name="React or change").get_by_role("button", name=action).click()


def test_an_edit_shows_the_new_words_everywhere_and_that_they_are_new(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    say(alice, "Helo")
    draft(alice).fill("half a sentence")
    choose(alice, "Helo", "Edit")
    expect(draft(alice)).to_be_focused()
    expect(draft(alice)).to_have_value("Helo")
    say(alice, "Hello")
    for page in (alice, bob):
        expect(messages(page)).to_have_text(["Hello edited"])
    expect(draft(alice)).to_have_value("half a sentence")
    expect(alice.locator("#editing")).to_be_hidden()
    choose(alice, "Hello", "Edit")
    expect(draft(alice)).to_have_value("Hello")


def test_who_thinks_better_of_an_edit_has_the_draft_back(enter: Enter) -> None:
    alice = enter("alice")
    say(alice, "Hello")
    draft(alice).fill("half a sentence")
    choose(alice, "Hello", "Edit")
    draft(alice).fill("Goodbye")
    draft(alice).press("Escape")
    expect(draft(alice)).to_have_value("half a sentence")
    choose(alice, "Hello", "Edit")
    alice.get_by_role("button", name="Cancel").click()
    expect(draft(alice)).to_be_focused()
    expect(draft(alice)).to_have_value("half a sentence")
    expect(messages(alice)).to_have_text(["Hello"])


def test_a_refused_edit_says_why_and_keeps_the_words(enter: Enter) -> None:
    alice = enter("alice")
    say(alice, "short")
    choose(alice, "short", "Edit")
    say(alice, "long " * 201)
    expect(alice.locator("#notice")).to_contain_text("1,000")
    expect(draft(alice)).to_have_value("long " * 201)
    say(alice, "longer")
    expect(messages(alice)).to_have_text(["longer edited"])
    expect(alice.locator("#notice")).to_be_hidden()


def test_a_deleted_message_leaves_a_trace_in_its_place(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    for text in ("first", "second", "third"):
        say(alice, text)
    choose(bob, "second", "👍")
    expect(chips(alice)).to_have_text(["👍 1"])
    message(alice, "second").hover()
    menu_button(alice, "second").click()
    alice.get_by_role("button", name="Delete").click()
    alice.get_by_role("button", name="Really delete?").click()
    for page in (alice, bob):
        expect(messages(page)).to_have_text(["first", "This message was deleted.", "third"])
        expect(chips(page)).to_have_count(0)
        expect(menu_button(page, "deleted")).to_have_count(0)
        assert "second" not in page.content()


def test_reactions_are_counted_and_a_click_joins_or_leaves_them(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    say(alice, "We are done")
    choose(bob, "We are done", "🎉")
    choose(alice, "We are done", "👍")
    for page in (alice, bob):
        expect(chips(page)).to_have_text(["🎉 1", "👍 1"])
    party = chips(alice).first
    expect(party).to_have_attribute("aria-pressed", "false")
    party.click()
    for page in (alice, bob):
        expect(chips(page)).to_have_text(["🎉 2", "👍 1"])
    expect(party).to_have_attribute("aria-pressed", "true")
    expect(party).to_have_attribute("title", "bob, alice")
    party.click()
    expect(chips(bob)).to_have_text(["🎉 1", "👍 1"])
    expect(party).to_have_attribute("aria-pressed", "false")
    chips(bob).first.click()
    expect(chips(alice)).to_have_text(["👍 1"])


def test_a_reaction_that_there_is_not_is_told(enter: Enter) -> None:
    alice = enter("alice")
    say(alice, "Hello")
    choose(alice, "Hello", "😢")
    expect(alice.locator("#notice")).to_contain_text("There is no such reaction here. Expected: 👍 🎉")


def test_all_of_it_is_reached_by_the_keyboard_and_the_tab_key_stops_at_one_message(enter: Enter) -> None:
    alice = enter("alice")
    for number in range(60):
        say(alice, f"number {number}")
    expect(messages(alice).last).to_have_text("number 59")
    alice.locator("#skip").focus()
    tab_to(alice, menu_button(alice, "number 59"))
    alice.keyboard.press("ArrowUp")
    expect(menu_button(alice, "number 58")).to_be_focused()
    alice.keyboard.press("Enter")
    tab_to(alice, alice.get_by_role("button", name="👍"))
    alice.keyboard.press("Enter")
    expect(chips(alice)).to_have_text(["👍 1"])
    expect(menu_button(alice, "number 58")).to_be_focused()
    alice.keyboard.press("Shift+Tab")
    expect(chips(alice)).to_be_focused()
    alice.keyboard.press("Enter")
    expect(chips(alice)).to_have_count(0)
    expect(menu_button(alice, "number 58")).to_be_focused()
    alice.keyboard.press("Enter")
    tab_to(alice, alice.get_by_role("button", name="Delete"))
    alice.keyboard.press("Enter")
    alice.keyboard.press("Enter")
    expect(messages(alice).nth(58)).to_have_text("This message was deleted.")
    expect(alice.locator("#scroller")).to_be_focused()


def test_what_others_said_is_theirs(server: PageServer, enter: Enter) -> None:
    alice = enter("alice")
    with server.connect("/lobby?user=bob") as bob:
        deliver(bob, type="message", content="Hello")
        message(alice, "Hello").hover()
        menu_button(alice, "Hello").click()
    menu = alice.get_by_role("dialog", name="React or change")
    expect(menu.get_by_role("button", name="👍")).to_be_focused()
    expect(menu.get_by_role("button", name="Edit")).to_be_hidden()
    expect(menu.get_by_role("button", name="Delete")).to_be_hidden()
    alice.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(menu_button(alice, "Hello")).to_be_focused()


def test_markup_in_an_edit_a_reaction_or_a_name_is_shown_as_text(server: PageServer, enter: Enter) -> None:
    alice = enter("alice")
    markup = '<img src=x onerror="document.title=`stolen`"><b>bold</b>'
    with server.connect("/lobby?user=%3Ci%3Emallory%3C/i%3E") as mallory:
        seq = deliver(mallory, type="message", content="Hello")
        deliver(mallory, type="edit", of=seq, content=markup)
        deliver(mallory, type="reaction", of=seq, emoji="<b>hi</b>")
        deliver(mallory, type="typing", is_typing=True)
        expect(alice.locator("#typing")).to_have_text("<i>mallory</i> is typing…")
        expect(messages(alice)).to_have_text([f"{markup} edited"])
        expect(chips(alice)).to_have_text(["<b>hi</b> 1"])
        assert alice.locator("main img, main b, main i").count() == 0


def test_on_a_phone_nothing_is_cut_off_and_nothing_jumps(enter: Enter) -> None:
    alice = enter("alice", viewport=PHONE)
    say(alice, "Hello " * 40)
    before = draft(alice).bounding_box()
    choose(alice, "Hello", "👍")
    expect(chips(alice)).to_be_in_viewport()
    choose(alice, "Hello", "Edit")
    assert draft(alice).evaluate("draft => draft.getBoundingClientRect().bottom") == pytest.approx(
        before["y"] + before["height"] if before else None
    )
    draft(alice).press("Escape")
    menu_button(alice, "Hello").click()
    expect(alice.get_by_role("button", name="Delete")).to_be_in_viewport(ratio=1)
    assert alice.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
