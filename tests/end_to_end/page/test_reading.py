"""How far people have read."""

from __future__ import annotations

import json

from websockets.sync.client import ClientConnection

from .page_parts import (
    Enter,
    Locator,
    OpenPage,
    Page,
    choose_room,
    connection,
    deliver,
    expect,
    join,
    messages,
    publish,
    say,
    typing,
)
from .page_server import PageServer


def badge(page: Page, room: str) -> Locator:
    return page.locator("#room-list li").filter(has_text=room).locator(".badge")


def read_by(client: ClientConnection, user: str) -> int:
    """How far somebody has read, once that is told."""
    while True:
        event = json.loads(client.recv(timeout=20))
        if event["type"] == "read" and event["user"] == user:
            return event["up_to"]


def test_who_has_read_the_newest_message_is_told_where_the_room_is(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={"read_markers": "room", "read_seconds": 0.1})
    alice, bob = enter("alice"), enter("bob")
    say(alice, "Hello")
    expect(typing(alice)).to_have_text("Read by bob")
    expect(messages(bob)).to_have_text(["Hello"])
    expect(typing(bob)).to_be_empty()
    with server.connect("/lobby?user=carol") as carol:
        deliver(carol, type="message", content="<b>later</b>")
        expect(typing(alice)).to_have_text("Read by bob")
        expect(typing(bob)).to_have_text("Read by alice")
        deliver(carol, type="typing", is_typing=True)
        expect(typing(bob)).to_have_text("carol is typing…")


def test_what_is_read_in_one_tab_is_not_unread_in_another(
    server: PageServer, enter: Enter, open_page: OpenPage
) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={})
    one = enter("alice")
    two = open_page(beside=one)
    expect(connection(two)).to_have_text("Connected")
    for page in (one, two):
        join(page, "garden")
        expect(page.get_by_role("heading", level=1)).to_have_text("garden")
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "Hello", "How are you?")
    for page in (one, two):
        expect(badge(page, "lobby")).to_have_text("2")
    choose_room(one, "lobby")
    expect(badge(two, "lobby")).to_be_hidden()


def test_what_stands_below_the_window_is_not_read_before_it_is_seen(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={"read_markers": "room", "read_seconds": 0.1})
    with server.connect("/lobby?user=bob") as bob, server.connect("/lobby?user=carol") as carol:
        publish(bob, *(f"number {number}" for number in range(40)))
        alice = enter("alice", prepare=lambda page: page.clock.install())
        expect(messages(alice)).to_have_count(40)
        alice.clock.fast_forward(2000)
        assert read_by(carol, "alice") == 40
        alice.locator("#scroller").evaluate("scroller => scroller.scrollTo(0, 300)")
        expect(alice.locator("#latest")).to_be_visible()
        deliver(bob, type="message", content="new")
        expect(alice.locator("#latest")).to_have_text("1 new message ↓")
        alice.clock.fast_forward(2000)
        newest = deliver(bob, type="message", content="newer")
        expect(alice.locator("#latest")).to_have_text("2 new messages ↓")
        alice.locator("#latest").click()
        alice.clock.fast_forward(2000)
        assert read_by(carol, "alice") == newest


def test_a_server_that_was_restarted_is_told_again_how_far_we_are(server: PageServer, enter: Enter) -> None:
    server.restart_with(
        history={"store": "sqlite", "path": "history.sqlite"},
        chat_extras={"read_markers": "room", "read_seconds": 0.1},
    )
    alice = enter("alice", jitter=20)
    with server.connect("/lobby?user=bob") as bob:
        seen = deliver(bob, type="message", content="Hello")
        assert read_by(bob, "alice") == seen
    server.restart()
    with server.connect("/lobby?user=bob") as bob:
        alice.get_by_role("button", name="Try now").click()
        assert read_by(bob, "alice") == seen
