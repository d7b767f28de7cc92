"""Everybody can use the page: by keyboard, on a phone, in the dark; and it asks nothing of anybody else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from .page_parts import (
    PHONE,
    ConsoleMessage,
    Enter,
    OpenPage,
    connection,
    dialog,
    draft,
    expect,
    give_name,
    join,
    messages,
    people,
    refused,
    say,
    tab_to,
)
from .page_server import PageServer


def test_everything_can_be_done_with_the_keyboard_alone(open_page: OpenPage, enter: Enter) -> None:
    bob = enter("bob", "?room=garden")
    alice = open_page()
    alice.keyboard.type("alice")
    alice.keyboard.press("Enter")
    expect(draft(alice)).to_be_focused()
    alice.keyboard.type("first line")
    alice.keyboard.press("Shift+Enter")
    alice.keyboard.type("second line")
    alice.keyboard.press("Enter")
    expect(messages(alice)).to_have_text(["first line\nsecond line"], use_inner_text=True)
    tab_to(alice, alice.get_by_label("Join another room"))
    alice.keyboard.type("garden")
    alice.keyboard.press("Enter")
    expect(draft(alice)).to_be_focused()
    expect(people(alice)).to_have_text(["alice", "bob"])
    tab_to(alice, alice.get_by_title("Write to bob in private"))
    alice.keyboard.press("Enter")
    expect(draft(alice)).to_be_focused()
    alice.keyboard.type("by keyboard")
    alice.keyboard.press("Enter")
    expect(bob.get_by_role("navigation").get_by_role("button", name="alice")).to_contain_text("1")
    rename = alice.get_by_role("button", name="Change your name")
    tab_to(alice, rename)
    alice.keyboard.press("Enter")
    expect(alice.get_by_role("dialog")).to_be_visible()
    alice.keyboard.press("Escape")
    expect(alice.get_by_role("dialog")).to_have_count(0)
    expect(rename).to_be_focused()
    tab_to(alice, alice.get_by_role("link", name="Skip to the message box"))
    alice.keyboard.press("Enter")
    expect(draft(alice)).to_be_focused()


def test_escape_in_the_first_dialog_enters_as_a_guest(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(connection(page)).to_have_text("Connected")
    expect(page.locator("#me")).to_have_text(re.compile(r"\w+-\w+-\d+"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(enter: Enter, scheme: str) -> None:
    page = enter("a" * 64, "?room=" + "r" * 100, viewport=PHONE)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    say(page, "w" * 300)
    say(page, "x" * 1001)
    expect(refused(page)).to_be_visible()
    beyond = """() => [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
        && getComputedStyle(element).display !== "inline"
        && element.getBoundingClientRect().right > innerWidth).map((element) => element.outerHTML)"""
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("document.querySelector('#scroller').scrollWidth") <= PHONE["width"]
    assert page.evaluate(beyond) == []
    for panel in ("Rooms", "People"):
        page.get_by_role("button", name=panel).click()
        expect(page.locator(f"#{panel.lower()}")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.keyboard.press("Escape")
        expect(page.locator(f"#{panel.lower()}")).to_be_hidden()
        expect(page.get_by_role("button", name=panel)).to_be_focused()


def test_a_visit_logs_no_error_and_asks_no_other_origin(
    server: PageServer, open_page: OpenPage, enter: Enter
) -> None:
    bob = enter("bob")
    page = open_page()
    errors: list[str] = []
    addresses: set[str] = set()

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: addresses.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket: addresses.add(urlsplit(socket.url).netloc))
    page.reload()
    page.get_by_label("Your name").fill("alice")
    page.keyboard.press("Enter")
    expect(people(page)).to_have_text(["alice", "bob"])
    say(bob, "hello")
    say(page, "x" * 1001)
    expect(refused(page)).to_be_visible()
    join(page, "garden")
    page.get_by_role("button", name="Leave").click()
    page.get_by_title("Write to bob in private").click()
    say(page, "psst")
    expect(messages(page)).to_have_text(["psst"])
    page.get_by_role("button", name="Change your name").click()
    page.get_by_label("Your name").fill("alice-2")
    page.keyboard.press("Enter")
    expect(page.locator("#me")).to_have_text("alice-2")
    assert errors == []
    assert addresses == {urlsplit(server.url).netloc}


def test_a_phone_shows_the_longest_refusal_of_a_name(enter: Enter, open_page: OpenPage) -> None:
    enter("w" * 64)
    page = open_page(viewport=PHONE)
    give_name(page, "w" * 64)
    expect(dialog(page)).to_contain_text("is taken")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("document.querySelector('#name-dialog').scrollWidth") <= PHONE["width"]
    expect(page.get_by_label("Your name")).to_have_value("w" * 62 + "-2")
    page.keyboard.press("Enter")
    expect(connection(page)).to_have_text("Connected")
