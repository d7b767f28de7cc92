"""What was said before, or meanwhile: in its order, once, and never missing in silence."""

from __future__ import annotations

import json

import pytest

from .page_parts import (
    PHONE,
    Enter,
    Page,
    WebSocketRoute,
    choose_room,
    connection,
    expect,
    join,
    log_lines,
    messages,
    publish,
    say,
    tab_to,
)
from .page_server import PageServer

SQLITE = {"store": "sqlite", "path": "history.sqlite"}


def numbers(first: int, last: int) -> list[str]:
    return [f"number {number}" for number in range(first, last + 1)]


def in_view(page: Page, text: str) -> float:
    """How far below the top of the log a message stands, in pixels."""
    box, scroller = messages(page).filter(has_text=text).bounding_box(), page.locator("#scroller").bounding_box()
    assert box is not None
    assert scroller is not None
    return box["y"] - scroller["y"]


def test_who_enters_a_room_sees_the_newest_page_and_loads_older_ones(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory"})
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 120))
    alice = enter("alice")
    expect(messages(alice)).to_have_text(numbers(71, 120))
    expect(messages(alice).last).to_be_in_viewport()
    older = alice.get_by_role("button", name="Load older messages")
    older.focus()  # This scrolls up.
    expect(messages(alice)).to_have_count(100)
    expect(older).to_be_focused()
    alice.keyboard.press("Enter")
    expect(messages(alice)).to_have_text(numbers(1, 120))
    expect(older).to_have_count(0)
    expect(alice.locator("#scroller")).to_be_focused()


def test_scrolling_up_loads_what_is_older_and_keeps_the_place(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory"})
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 120))
    alice = enter("alice", viewport=PHONE)
    expect(messages(alice)).to_have_count(50)
    alice.locator("#scroller").evaluate("scroller => scroller.scrollTo(0, 150)")
    before = in_view(alice, "number 75")
    expect(messages(alice)).to_have_count(100)
    assert abs(in_view(alice, "number 75") - before) < 2
    expect(alice.locator("#latest")).to_have_text("To the latest ↓")
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "something new")
        expect(alice.locator("#latest")).to_have_text("1 new message ↓")
        assert abs(in_view(alice, "number 75") - before) < 2
    alice.locator("#latest").click()
    expect(messages(alice).last).to_be_in_viewport()


def test_an_empty_record_and_a_room_without_one_offer_nothing_to_load(server: PageServer, enter: Enter) -> None:
    for user, options in {"alice": {}, "bob": {"keep": 0}}.items():
        server.restart_with(history={"store": "memory", **options})
        page = enter(user)
        say(page, "hello")
        expect(messages(page)).to_have_text(["hello"])
        expect(page.locator(".hole")).to_have_count(0)


@pytest.mark.parametrize("room", ["lobby", "garden"])
def test_what_was_said_while_the_connection_was_lost_follows_in_order_and_once(
    server: PageServer, enter: Enter, room: str
) -> None:
    server.restart_with(history=SQLITE)
    alice = enter("alice", jitter=20)
    join(alice, "garden")
    with server.connect(f"/{room}?user=bob") as bob:
        publish(bob, "seen")
    choose_room(alice, room)
    expect(messages(alice)).to_have_text(["seen"])
    server.restart()
    say(alice, "mine, meanwhile")
    with server.connect(f"/{room}?user=bob") as bob:
        publish(bob, "missed 1", "missed 2")
        alice.get_by_role("button", name="Try now").click()
        expect(connection(alice)).to_have_text("Connected")
        publish(bob, "live")
        expect(messages(alice)).to_have_count(5)
    texts = messages(alice).all_inner_texts()
    assert texts[:3] == ["seen", "missed 1", "missed 2"]
    assert sorted(texts[3:]) == ["live", "mine, meanwhile"]
    expect(alice.get_by_role("log")).to_contain_text("This was said meanwhile:")
    expect(alice.locator(".hole")).to_have_count(0)


def test_a_reconnect_that_missed_nothing_says_so(server: PageServer, enter: Enter) -> None:
    server.restart_with(history=SQLITE)
    alice = enter("alice", jitter=20)
    say(alice, "before")
    expect(messages(alice)).to_have_text(["before"])
    server.restart()
    alice.get_by_role("button", name="Try now").click()
    expect(log_lines(alice).last).to_contain_text("Nothing was missed.")
    expect(messages(alice)).to_have_text(["before"])


def test_where_the_server_lost_its_record_what_it_has_since_can_be_loaded(
    server: PageServer, enter: Enter
) -> None:
    server.restart_with(history={"store": "memory"})
    alice = enter("alice", jitter=20)
    say(alice, "before")
    expect(messages(alice)).to_have_text(["before"])
    server.restart()
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "missed 1", "missed 2")
        alice.get_by_role("button", name="Try now").click()
        hole = alice.locator(".hole")
        expect(hole).to_contain_text("Messages may have been missed here.")
        publish(bob, "live")
        expect(messages(alice)).to_have_text(["before", "live"])
        hole.get_by_role("button", name="Load them").click()
    expect(messages(alice)).to_have_text(["before", "missed 1", "missed 2", "live"])
    expect(hole).to_have_count(0)


def test_more_than_the_server_gives_back_at_once_is_loaded_page_by_page(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={**SQLITE, "max_recovered": 10})
    alice = enter("alice", jitter=20)
    say(alice, "before")
    expect(messages(alice)).to_have_text(["before"])
    server.restart()
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 60))
    alice.get_by_role("button", name="Try now").click()
    hole = alice.locator(".hole")
    expect(hole).to_contain_text("60 messages were missed here.")
    tab_to(alice, hole.get_by_role("button"))
    alice.keyboard.press("Enter")
    expect(messages(alice)).to_have_text(["before", *numbers(11, 60)])
    expect(hole).to_contain_text("10 messages were missed here.")
    alice.keyboard.press("Enter")
    expect(messages(alice)).to_have_text(["before", *numbers(1, 60)])
    expect(hole).to_have_count(0)


def test_what_is_not_kept_any_more_is_told(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={**SQLITE, "keep": 20, "max_recovered": 10, "trim_interval": 0.1})
    alice = enter("alice", jitter=20)
    say(alice, "before")
    expect(messages(alice)).to_have_text(["before"])
    server.restart()
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 60))
        alice.get_by_role("button", name="Try now").click()
        load = alice.locator(".hole").get_by_role("button")
        expect(load).to_be_visible()
        first = 1
        while first < 41:  # They are removed a moment later.
            bob.send('{"type": "history"}')
            while (event := json.loads(bob.recv(timeout=20)))["type"] != "history":
                pass
            first = event["first"] - 1
        load.click()
    expect(messages(alice)).to_have_text(["before", *numbers(41, 60)])
    expect(alice.get_by_role("log")).to_contain_text("What is missing here is no longer kept.")


def test_where_nobody_may_read_back_nothing_is_offered_and_a_loss_is_told(
    server: PageServer, enter: Enter
) -> None:
    rights = {
        "rooms": {"*": {"join": "everyone", "publish": "everyone", "presence": "everyone", "history": "nobody"}}
    }
    server.restart_with(history=SQLITE, permissions=rights)
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "earlier")
        alice = enter("alice", jitter=20)
        publish(bob, "seen")
        expect(messages(alice)).to_have_text(["seen"])
    expect(alice.locator(".hole")).to_have_count(0)
    server.restart()
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "missed")
        alice.get_by_role("button", name="Try now").click()
        alice.get_by_role("button", name="Load them").click()
        expect(log_lines(alice).filter(has_text="You may not")).to_contain_text("Messages are missing here.")
        publish(bob, "live")
    expect(messages(alice)).to_have_text(["seen", "live"])


def test_a_gap_can_be_filled(server: PageServer, enter: Enter) -> None:
    """The server drops nothing for a page that reads; so a gap is put into what it sends."""
    server.restart_with(history={"store": "memory"})
    gap = {"type": "gap", "room": "lobby", "reason": "too slow", "lost": 2}

    def drop(page: Page) -> None:
        def route(socket: WebSocketRoute) -> None:
            def pass_on(frame: str | bytes) -> None:
                event = json.loads(frame)
                if event["type"] == "message" and event["content"] == "number 2":
                    socket.send(json.dumps(gap))
                elif event.get("content") != "number 3":
                    socket.send(frame)

            socket.connect_to_server().on_message(pass_on)

        page.route_web_socket("**/ws/**", route)
        page.route_web_socket("**/ws?*", route)

    alice = enter("alice", prepare=drop)
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 4))
    expect(messages(alice)).to_have_text(["number 1", "number 4"])
    hole = alice.locator(".hole")
    expect(hole).to_contain_text("2 events are missing here (too slow).")
    hole.get_by_role("button", name="Load them").click()
    expect(messages(alice)).to_have_text(numbers(1, 4))
    expect(hole).to_have_count(0)


def test_what_a_long_stay_lets_go_of_can_be_loaded_again(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory"})
    alice = enter("alice")
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, *numbers(1, 600))
    expect(messages(alice).last).to_have_text("number 600")
    expect(log_lines(alice).filter(has_text="bob left")).to_have_count(1)
    oldest = int(messages(alice).first.inner_text().removeprefix("number "))
    assert 100 < oldest < 110
    alice.get_by_role("button", name="Load older messages").focus()
    expect(messages(alice)).to_have_text(numbers(oldest - 50, 600))


def test_a_store_that_is_away_is_told_and_asked_again(server: PageServer, enter: Enter) -> None:
    """A server that restarts takes its history along; so an answer is put into what it sends."""
    server.restart_with(history={"store": "memory"})
    with server.connect("/lobby?user=bob") as bob:
        publish(bob, "earlier")
    refusals = [True]

    def refuse(page: Page) -> None:
        def route(socket: WebSocketRoute) -> None:
            target = socket.connect_to_server()

            def pass_on(frame: str | bytes) -> None:
                event = json.loads(frame)
                if event["type"] == "history" and refusals:
                    refusals.pop()
                    error = {"code": "unavailable", "message": "The store is away.", "retryable": True}
                    socket.send(json.dumps({"type": "error", "id": event["id"], **error}))
                else:
                    target.send(frame)

            socket.on_message(pass_on)

        page.route_web_socket("**/ws?*", route)

    alice = enter("alice", prepare=refuse)
    hole = alice.locator(".hole")
    expect(hole).to_contain_text("The store is away.")
    hole.get_by_role("button").click()
    expect(messages(alice)).to_have_text(["earlier"])
