"""A message that was sent and not confirmed is neither lost nor doubled, whatever became of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .page_parts import (
    Enter,
    Page,
    WebSocketRoute,
    connection,
    draft,
    expect,
    join,
    log_lines,
    messages,
    pending,
    refused,
    say,
)
from .page_server import PageServer

SQLITE = {"store": "sqlite", "path": "history.sqlite"}
Event = dict[str, Any]


class Wire:
    """What goes between a page and its server; it can break just before an answer reaches the page."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.breaks_at: Callable[[Event], bool] = lambda _: False

    def lay(self, page: Page) -> None:
        page.route_web_socket(lambda url: "/ws" in url, self._route)

    def ids_sent(self) -> list[str]:
        """The ids of the messages that the page has sent."""
        return [event["id"] for event in self.sent if event["type"] in ("message", "private")]

    def is_ack(self, event: Event) -> bool:
        """Whether it confirms a message."""
        return event["type"] == "ack" and event["id"] in self.ids_sent()

    def _route(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        is_broken = False

        def to_server(frame: str | bytes) -> None:
            self.sent.append(json.loads(frame))
            if not is_broken:
                server.send(frame)

        def to_page(frame: str | bytes) -> None:
            nonlocal is_broken
            event = json.loads(frame)
            if not is_broken and self.breaks_at(event):
                is_broken = True
                self.breaks_at = lambda _: False
                server.close()
                socket.close(code=1011, reason="broken")
            if not is_broken:
                socket.send(frame)

        socket.on_message(to_server)
        server.on_message(to_page)


def is_echo(event: Event) -> bool:
    return event["type"] in ("message", "private")


@pytest.mark.parametrize("history", [None, SQLITE])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_message_without_an_answer_is_published_once(
    server: PageServer, enter: Enter, history: dict[str, object] | None, comes_back: bool
) -> None:
    server.restart_with(**({"history": history} if history else {}))
    wire = Wire()
    bob, alice = enter("bob"), enter("alice", prepare=wire.lay)
    expect(log_lines(bob).last).to_contain_text("alice joined")
    wire.breaks_at = wire.is_ack if comes_back else is_echo
    say(alice, "once")
    say(alice, "and then")
    expect(connection(alice)).to_have_text("Connected", timeout=15_000)
    expect(pending(alice)).to_have_count(0)
    for page in (alice, bob):
        expect(messages(page)).to_have_text(["once", "and then"])
    assert wire.ids_sent().count(wire.ids_sent()[0]) == (1 if comes_back else 2)
    expect(draft(alice)).to_have_value("")


def test_a_private_message_without_an_answer_is_delivered_once(server: PageServer, enter: Enter) -> None:
    wire = Wire()
    bob, alice = enter("bob"), enter("alice", prepare=wire.lay)
    alice.get_by_title("Write to bob in private").click()
    wire.breaks_at = is_echo
    say(alice, "between us")
    expect(connection(alice)).to_have_text("Connected", timeout=15_000)
    say(alice, "and then")
    expect(messages(alice)).to_have_text(["between us", "and then"])
    bob.get_by_role("navigation").get_by_role("button", name="alice").click()
    expect(messages(bob)).to_have_text(["between us", "and then"])


def test_a_message_survives_a_killed_server_and_a_reload_of_the_page(server: PageServer, enter: Enter) -> None:
    server.restart_with(history=SQLITE)
    wire = Wire()
    alice = enter("alice", prepare=wire.lay, jitter=20)
    join(alice, "garden")
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    wire.breaks_at = is_echo
    say(alice, "published, as nobody knows")
    expect(connection(alice)).to_contain_text("Reconnecting")
    say(alice, "not sent yet")
    server.restart()
    alice.reload()
    expect(connection(alice)).to_have_text("Connected")
    expect(messages(alice)).to_have_text(["published, as nobody knows", "not sent yet"])
    expect(pending(alice)).to_have_count(0)
    with server.connect("/garden?user=carol") as carol:
        carol.send('{"type": "history"}')
        while (event := json.loads(carol.recv(timeout=20)))["type"] != "history":
            pass
    assert [each["content"] for each in event["events"]] == ["published, as nobody knows", "not sent yet"]


def test_what_was_refused_is_still_there_after_a_reload(enter: Enter) -> None:
    alice = enter("alice")
    say(alice, "x" * 1001)
    expect(refused(alice)).to_contain_text("1,000")
    alice.reload()
    expect(refused(alice)).to_contain_text("1,000")
    expect(refused(alice).get_by_role("button")).to_have_text(["Edit", "Discard"])


def test_after_longer_than_the_server_remembers_the_page_asks_instead_of_sending_twice(enter: Enter) -> None:
    wire = Wire()
    alice = enter("alice", prepare=wire.lay, jitter=20)
    wire.breaks_at = is_echo
    say(alice, "perhaps")
    expect(connection(alice)).to_contain_text("Reconnecting")
    alice.evaluate("() => { const now = Date.now(); Date.now = () => now + 300_000; }")
    say(alice, "certainly not")
    alice.get_by_role("button", name="Try now").click()
    expect(connection(alice)).to_have_text("Connected")
    expect(refused(alice)).to_contain_text("look whether it is there")
    expect(messages(alice)).to_have_text(["certainly not"])
    assert len(wire.ids_sent()) == 2
    refused(alice).get_by_role("button", name="Try again").click()
    expect(messages(alice)).to_have_text(["certainly not", "perhaps"])


def test_messages_for_a_room_wait_until_it_is_entered_again(server: PageServer, enter: Enter) -> None:
    wire = Wire()
    alice = enter("alice", prepare=wire.lay, jitter=20)
    join(alice, "garden")
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    server.restart()
    expect(connection(alice)).to_contain_text("Reconnecting")
    say(alice, "in the garden")
    alice.get_by_role("button", name="Try now").click()
    expect(messages(alice)).to_have_text(["in the garden"])
    sent = [event["type"] for event in wire.sent]
    assert sent.index("message") > len(sent) - 1 - sent[::-1].index("join")
