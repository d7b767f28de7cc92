"""Where an authentication plugin says who somebody is: tokens, their end, and their renewal."""

from __future__ import annotations

import re
import time
from typing import Unpack

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from .page_parts import (
    Enter,
    OpenPage,
    Page,
    Visit,
    connection,
    dialog,
    draft,
    expect,
    give_token,
    join,
    log_lines,
    me,
    messages,
    people,
    refused,
    say,
)
from .page_server import PageServer

KEY = "a secret of the tests, which is long enough"


def token(user: str, *, seconds: float = 3600) -> str:
    return jwt.encode({"alg": "HS256"}, {"sub": user, "exp": time.time() + seconds}, OctKey.import_key(KEY))


def with_tokens(server: PageServer, **options: object) -> None:
    server.restart_with(auth_jwt={"algorithms": ["HS256"], "key": KEY, "leeway": 0, **options})


def kept_in(page: Page, storage: str) -> str:
    return page.evaluate(f"JSON.stringify({{...{storage}}})")


@pytest.fixture
def enter_by_token(server: PageServer, open_page: OpenPage) -> Enter:
    with_tokens(server)

    def enter(text: str, path: str = "", **visit: Unpack[Visit]) -> Page:
        page = open_page(path, **visit)
        give_token(page, text)
        expect(connection(page)).to_have_text(re.compile("Connected|expire"))
        return page

    return enter


def test_a_wrong_token_is_told_and_the_right_one_lets_in(server: PageServer, open_page: OpenPage) -> None:
    with_tokens(server)
    page = open_page()
    expect(dialog(page)).to_contain_text("Who are you?")
    expect(dialog(page)).to_contain_text("A token is required here")
    expect(page.get_by_label("Your token")).to_be_focused()
    give_token(page, "not.a.token")
    expect(dialog(page)).not_to_contain_text("A token is required here")
    expect(dialog(page).locator(".reason")).to_be_visible()
    expect(page.get_by_label("Your token")).to_have_value("")
    right = token("alice")
    give_token(page, f" Bearer {right} ")
    expect(dialog(page)).to_have_count(0)
    expect(me(page)).to_have_text("alice")
    expect(connection(page)).to_have_text(re.compile(r"Connected until .*\d"))
    expect(draft(page)).to_be_focused()
    say(page, "I am in")
    expect(messages(page)).to_have_text(["I am in"])


def test_what_cannot_be_a_token_is_told_before_it_is_sent(server: PageServer, open_page: OpenPage) -> None:
    with_tokens(server)
    page = open_page()
    for text, reason in {"": "Paste your token first.", "two words": "This is no whole token"}.items():
        give_token(page, text)
        expect(dialog(page).get_by_role("alert")).to_contain_text(reason)
        expect(page.get_by_label("Your token")).to_be_focused()


def test_a_token_is_kept_for_this_tab_alone_and_in_no_address(
    server: PageServer, enter_by_token: Enter, open_page: OpenPage
) -> None:
    text = token("alice")
    addresses: list[str] = []
    page = enter_by_token(
        text, prepare=lambda page: page.on("websocket", lambda socket: addresses.append(socket.url))
    )
    assert page.get_by_label("Your token").get_attribute("type") == "password"
    page.reload()
    expect(me(page)).to_have_text("alice")
    expect(connection(page)).to_contain_text("Connected")
    assert text in kept_in(page, "sessionStorage")
    assert text not in kept_in(page, "localStorage")
    assert text not in page.content()
    assert addresses
    assert not [each for each in [*addresses, page.url] if text in each]
    expect(dialog(open_page(beside=page))).to_contain_text("Who are you?")
    server.end()
    assert text not in server.log


def test_a_token_that_expires_asks_for_a_new_one_and_what_was_said_stays(
    server: PageServer, enter_by_token: Enter
) -> None:
    page = enter_by_token(token("alice", seconds=4), jitter=0)
    say(page, "before")
    expect(messages(page)).to_have_text(["before"])
    expect(connection(page)).to_have_text(re.compile(r"Your credentials expire in \d s\."))
    expect(dialog(page)).to_contain_text("Your credentials have expired", timeout=10_000)
    page.keyboard.press("Escape")
    say(page, "meanwhile")
    page.get_by_role("button", name="Connect again").click()
    expect(dialog(page)).to_contain_text("Who are you?")
    give_token(page, token("alice"))
    expect(messages(page)).to_have_text(["before", "meanwhile"])
    expect(connection(page)).to_contain_text("Connected until")


def test_a_new_token_is_sent_on_the_open_connection(server: PageServer, enter_by_token: Enter) -> None:
    sockets: list[str] = []
    page = enter_by_token(
        token("alice", seconds=60),
        prepare=lambda page: page.on("websocket", lambda each: sockets.append(each.url)),
    )
    expect(connection(page)).to_have_text(re.compile(r"Your credentials expire in \d+ s\."))
    before = len(sockets)
    page.get_by_role("button", name="Renew").click()
    give_token(page, token("bob"))
    expect(dialog(page).get_by_role("alert")).to_contain_text("The token is not alice's")
    give_token(page, "not.a.token")
    expect(dialog(page).get_by_role("alert")).not_to_contain_text("alice's")
    expect(dialog(page).get_by_role("alert")).not_to_be_empty()
    give_token(page, token("alice", seconds=7200))
    expect(dialog(page)).to_have_count(0)
    expect(log_lines(page).last).to_contain_text("Your credentials are renewed. They are good until")
    expect(connection(page)).to_contain_text("Connected until")
    assert len(sockets) == before
    page.reload()
    expect(connection(page)).to_contain_text("Connected until")


def test_who_comes_in_as_somebody_else_sees_nothing_of_the_one_before(
    server: PageServer, enter_by_token: Enter
) -> None:
    page = enter_by_token(token("alice"))
    join(page, "garden")
    say(page, "a secret of alice")
    expect(messages(page)).to_have_text(["a secret of alice"])
    draft(page).fill("a draft of alice")
    page.get_by_role("button", name="Change who you are").click()
    give_token(page, token("bob"))
    expect(me(page)).to_have_text("bob")
    expect(people(page)).to_have_text(["bob"])
    expect(page.locator("#room-list .entry-name")).to_have_count(1)
    expect(messages(page)).to_have_count(0)
    expect(draft(page)).to_have_value("")
    page.reload()
    expect(me(page)).to_have_text("bob")
    expect(draft(page)).to_have_value("")


def test_an_expired_page_that_is_loaded_again_shows_nothing_to_the_next_person(
    server: PageServer, enter_by_token: Enter
) -> None:
    page = enter_by_token(token("alice", seconds=3))
    draft(page).fill("a draft of alice")
    expect(dialog(page)).to_contain_text("Your credentials have expired", timeout=10_000)
    page.keyboard.press("Escape")
    say(page, "unsent by alice")
    page.reload()
    give_token(page, token("bob"))
    expect(me(page)).to_have_text("bob")
    expect(people(page)).to_have_text(["bob"])
    expect(draft(page)).to_have_value("")
    expect(messages(page)).to_have_count(0)
    expect(refused(page)).to_have_count(0)


def test_signing_out_forgets_the_token(server: PageServer, enter_by_token: Enter) -> None:
    text = token("alice")
    page = enter_by_token(text)
    page.get_by_role("button", name="Change who you are").click()
    page.get_by_role("button", name="Sign out").click()
    expect(dialog(page)).to_contain_text("Who are you?")
    assert text not in kept_in(page, "sessionStorage")


def test_guests_come_in_without_a_question_where_they_may_and_can_sign_in(
    server: PageServer, open_page: OpenPage
) -> None:
    with_tokens(server, required=False)
    page = open_page()
    expect(connection(page)).to_have_text("Connected")
    expect(dialog(page)).to_have_count(0)
    name = me(page).inner_text()
    page.reload()
    expect(connection(page)).to_have_text("Connected")
    expect(me(page)).to_have_text(name)
    page.get_by_role("button", name="Sign in").click()
    give_token(page, token("alice"))
    expect(me(page)).to_have_text("alice")
    expect(connection(page)).to_contain_text("Connected until")
