"""What people do on the page."""

from __future__ import annotations

import re
from contextlib import ExitStack

from websockets.sync.client import connect

from .page_parts import Enter, connection, draft, expect, join, messages, people, refused, say
from .page_server import PageServer


def test_two_people_chat_across_two_pages(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    say(alice, "Hello, bob!")
    expect(messages(bob)).to_have_text(["Hello, bob!"])
    say(bob, "Hello, alice!")
    for page in (alice, bob):
        expect(messages(page)).to_have_text(["Hello, bob!", "Hello, alice!"])
        expect(page.locator(".message .author")).to_have_text(["alice", "bob"])
    expect(draft(alice)).to_have_value("")


def test_markup_in_a_message_or_a_name_is_shown_as_text(enter: Enter) -> None:
    alice, mallory = enter("alice"), enter("<i>mallory</i>")
    markup = '<img src=x onerror="document.title=`stolen`"><b>bold</b>'
    say(mallory, markup)
    expect(messages(alice)).to_have_text([markup])
    expect(people(alice)).to_have_text(["alice", "<i>mallory</i>"])
    assert alice.locator("main img, main b, main i").count() == 0


def test_the_presence_list_follows_who_comes_and_goes(enter: Enter) -> None:
    alice = enter("alice")
    expect(people(alice)).to_have_text(["alice"])
    bob = enter("bob")
    expect(people(alice)).to_have_text(["alice", "bob"])
    expect(people(bob)).to_have_text(["bob", "alice"])
    bob.close()
    expect(people(alice)).to_have_text(["alice"])
    expect(alice.get_by_role("log")).to_contain_text("bob left the room")


def test_in_a_large_room_those_who_come_and_go_are_told_together_and_counted(
    server: PageServer, enter: Enter
) -> None:
    for option, value in {"GATHER_ABOVE": 1, "GATHER_SECONDS": 2, "GATHER_NAMES": 2, "MAX_LISTED": 3}.items():
        server.environment[f"HUBBUB_PLUGINS__PRESENCE__{option}"] = str(value)
    alice = enter("alice")
    expect(people(alice)).to_have_text(["alice"])
    with ExitStack() as others:
        for user in ("bob", "carol", "dave"):
            others.enter_context(connect(f"{server.websocket_url}/lobby?user={user}"))
        expect(alice.get_by_role("log")).to_contain_text("bob, carol and 1 other joined the room")
        expect(people(alice)).to_have_text(["alice", "bob", "carol"])
        expect(alice.locator("#people-count")).to_have_text("4")
        expect(alice.locator("#people-note")).to_have_text("and 1 more")
    expect(alice.get_by_role("log")).to_contain_text("dave, carol and 1 other left the room")
    expect(alice.locator("#people-count")).to_have_text("1")
    expect(people(alice)).to_have_text(["alice"])
    expect(alice.locator("#people-note")).to_be_empty()


def test_rooms_are_apart_and_count_what_is_unread(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    join(alice, "garden")
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    expect(people(alice)).to_have_text(["alice"])
    say(bob, "in the lobby")
    lobby = alice.get_by_role("navigation").get_by_role("button", name="lobby")
    expect(lobby).to_contain_text("1")
    expect(alice).to_have_title("(1) garden · Hubbub")
    expect(messages(alice)).to_have_count(0)
    lobby.click()
    expect(messages(alice)).to_have_text(["in the lobby"])
    expect(alice).to_have_title("lobby · Hubbub")
    alice.get_by_role("button", name="Leave").click()
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    expect(people(bob)).to_have_text(["bob"])


def test_a_click_on_a_person_opens_a_private_conversation(enter: Enter) -> None:
    alice, bob, carol = enter("alice"), enter("bob"), enter("carol")
    alice.get_by_title("Write to bob in private").click()
    say(alice, "between us")
    expect(messages(alice)).to_have_text(["between us"])
    bob.get_by_role("navigation").get_by_role("button", name="alice").click()
    expect(messages(bob)).to_have_text(["between us"])
    say(bob, "of course")
    expect(messages(alice)).to_have_text(["between us", "of course"])
    say(carol, "a later message to all")
    expect(messages(carol)).to_have_text(["a later message to all"])
    expect(carol.get_by_role("button", name="alice")).to_have_count(
        1
    )  # in the list of people, not as a conversation


def test_a_refused_message_says_why_and_can_be_edited(enter: Enter) -> None:
    alice = enter("alice")
    content = "long " * 201
    say(alice, content)
    expect(refused(alice)).to_contain_text("Not sent.")
    expect(refused(alice)).to_contain_text("1,000")
    draft(alice).fill("typed since")
    refused(alice).get_by_role("button", name="Edit").click()
    expect(draft(alice)).to_have_value(content + "\ntyped since")
    expect(refused(alice)).to_have_count(0)
    say(alice, "short")
    expect(messages(alice)).to_have_text(["short"])


def test_the_rate_limit_is_told_with_a_countdown(enter: Enter) -> None:
    alice = enter("alice")
    for number in range(11):
        say(alice, f"message {number}")
    expect(messages(alice)).to_have_count(10)
    expect(refused(alice)).to_contain_text("message 10")
    expect(refused(alice)).to_contain_text("Rate limit exceeded. Slow down.")
    expect(refused(alice).get_by_role("button", name=re.compile(r"Try again in \d+ s"))).to_be_disabled()


def test_a_room_that_may_not_be_called_so_costs_a_sentence_and_no_connection(enter: Enter) -> None:
    alice = enter("alice", "?room=two%20words")
    expect(alice.locator("#notice")).to_contain_text("room name")
    expect(alice.get_by_role("heading", level=1)).to_have_text("lobby")
    join(alice, "two words")
    expect(alice.locator("#join-error")).to_contain_text("room name")
    expect(connection(alice)).to_have_text("Connected")


def test_a_reload_keeps_name_rooms_and_draft(enter: Enter) -> None:
    alice = enter("alice")
    join(alice, "garden")
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    draft(alice).fill("half a sentence")
    alice.reload()
    expect(connection(alice)).to_have_text("Connected")
    expect(alice.get_by_role("dialog")).to_have_count(0)
    expect(alice.locator("#me")).to_have_text("alice")
    expect(alice.locator("#room-list .entry-name")).to_have_text(["lobby", "garden"])
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    expect(draft(alice)).to_have_value("half a sentence")


def test_a_busy_room_keeps_the_newest_five_hundred_lines(server: PageServer, enter: Enter) -> None:
    server.environment["HUBBUB_PLUGINS__RATE_LIMIT__MESSAGES"] = "1000"
    alice = enter("alice")
    with connect(server.websocket_url + "/lobby?user=bob", max_queue=None) as bob:
        for number in range(600):
            bob.send(f'{{"type": "message", "content": "number {number}"}}')
        expect(messages(alice).last).to_have_text("number 599")
        expect(alice.locator("#log > li")).to_have_count(500)
        expect(messages(alice).last).to_be_in_viewport()
