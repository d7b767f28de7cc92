"""What became of messages while nobody looked, and where the server knows nothing of it."""

from __future__ import annotations

from .page_parts import (
    Enter,
    Page,
    WebSocketRoute,
    chips,
    connection,
    deliver,
    expect,
    log_lines,
    menu_button,
    messages,
    publish,
    say,
    typing,
)
from .page_server import PageServer

SQLITE = {"store": "sqlite", "path": "history.sqlite"}


class Line:
    """The connection of a page, to be cut while the server runs on."""

    def __init__(self) -> None:
        self.sockets: list[tuple[WebSocketRoute, WebSocketRoute]] = []

    def prepare(self, page: Page) -> None:
        page.route_web_socket("**/ws**", self._route)

    def _route(self, socket: WebSocketRoute) -> None:
        self.sockets.append((socket, socket.connect_to_server()))

    def cut(self, page: Page) -> None:
        ours, servers = self.sockets[-1]
        servers.close()
        ours.close(code=1013)
        expect(page.get_by_role("button", name="Try now")).to_be_visible()


def try_now(page: Page) -> None:
    page.get_by_role("button", name="Try now").click()
    expect(connection(page)).to_have_text("Connected")


def test_what_became_of_messages_on_the_page_while_the_connection_was_lost_is_made_up_for(
    server: PageServer, enter: Enter
) -> None:
    server.restart_with(history=SQLITE, chat_extras={})
    line = Line()
    alice = enter("alice", jitter=20, prepare=line.prepare)
    with server.connect("/lobby?user=bob") as bob:
        edited, deleted, liked = (deliver(bob, type="message", content=text) for text in ("one", "two", "three"))
        expect(messages(alice)).to_have_text(["one", "two", "three"])
        line.cut(alice)
        deliver(bob, type="edit", of=edited, content="ONE")
        deliver(bob, type="edit", of=edited, content="uno")
        deliver(bob, type="delete", of=deleted)
        deliver(bob, type="reaction", of=liked, emoji="👍")
        deliver(bob, type="reaction", of=liked, emoji="🎉")
        deliver(bob, type="reaction", of=liked, emoji="👍", removed=True)
        try_now(alice)
        expect(messages(alice)).to_have_text(["uno edited", "This message was deleted.", "three"])
        expect(chips(alice)).to_have_text(["🎉 1"])
        chips(alice).click()
        expect(chips(alice)).to_have_text(["🎉 2"])
        deliver(bob, type="edit", of=edited, content="once more")
        expect(messages(alice).first).to_have_text("once more edited")


def test_what_is_newer_is_about_what_is_older_also_where_that_is_loaded_later(
    server: PageServer, enter: Enter
) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={})
    with server.connect("/lobby?user=bob") as bob:
        first, second, third = (deliver(bob, type="message", content=text) for text in ("one", "two", "three"))
        deliver(bob, type="reaction", of=third, emoji="🎉")
        publish(bob, *(f"number {number}" for number in range(50)))
        deliver(bob, type="edit", of=first, content="uno")
        alice = enter("alice")
        deliver(bob, type="delete", of=second)
        deliver(bob, type="reaction", of=third, emoji="🎉", removed=True)
        deliver(bob, type="reaction", of=third, emoji="👍")
        publish(bob, "after it")
        expect(messages(alice).last).to_have_text("after it")
        # The newest page has the edit for one of its fifty events.
        expect(messages(alice)).to_have_count(50)
        expect(alice.locator(".edited, .deleted, .chip")).to_have_count(0)
        alice.get_by_role("button", name="Load older messages").focus()
        expect(messages(alice)).to_have_count(54)
    assert messages(alice).all_inner_texts()[:3] == ["uno edited", "This message was deleted.", "three"]
    expect(chips(alice)).to_have_text(["👍 1"])


def test_an_edit_of_a_message_that_is_not_on_the_page_changes_nothing_there(
    server: PageServer, enter: Enter
) -> None:
    rooms = {"*": {"join": "everyone", "publish": "everyone", "presence": "everyone", "history": "nobody"}}
    server.restart_with(history={"store": "memory"}, chat_extras={}, permissions={"rooms": rooms})
    with server.connect("/lobby?user=bob") as bob:
        earlier = deliver(bob, type="message", content="earlier")
        alice = enter("alice")
        deliver(bob, type="message", content="seen")
        deliver(bob, type="edit", of=earlier, content="put right")
        deliver(bob, type="delete", of=earlier)
        deliver(bob, type="message", content="seen as well")
        expect(messages(alice)).to_have_text(["seen", "seen as well"])


def test_where_the_server_has_none_of_it_nothing_is_offered(server: PageServer, enter: Enter) -> None:
    server.restart_with(history=SQLITE, chat_extras={})
    alice = enter("alice", jitter=20)
    with server.connect("/lobby?user=bob") as bob:
        deliver(bob, type="reaction", of=deliver(bob, type="message", content="Hello"), emoji="👍")
        expect(chips(alice)).to_be_enabled()
        expect(menu_button(alice, "Hello")).to_have_count(1)
        expect(typing(alice)).to_be_attached()
    server.restart_with(history=SQLITE)
    try_now(alice)
    expect(menu_button(alice, "Hello")).to_have_count(0)
    expect(chips(alice)).to_be_disabled()
    expect(alice.locator("#strip")).to_be_hidden()


def test_where_nothing_is_kept_nothing_can_be_amended(server: PageServer, enter: Enter) -> None:
    server.restart_with(history={"store": "memory", "keep": 0}, chat_extras={})
    alice = enter("alice")
    say(alice, "Hello")
    expect(messages(alice)).to_have_text(["Hello"])
    expect(alice.locator("#strip")).to_be_visible()  # It is known what the server can do.
    expect(alice.locator(".amendable")).to_have_count(0)


def test_a_guest_who_comes_back_may_react_to_what_was_said_before_but_not_change_it(
    server: PageServer, enter: Enter
) -> None:
    server.restart_with(history=SQLITE, chat_extras={})
    line = Line()
    alice = enter("alice", jitter=20, prepare=line.prepare)
    say(alice, "before")
    expect(messages(alice)).to_have_text(["before"])
    line.cut(alice)
    try_now(alice)
    expect(log_lines(alice).last).to_contain_text("Nothing was missed.")
    say(alice, "after")
    expect(messages(alice)).to_have_text(["before", "after"])
    for text, is_ours in {"before": False, "after": True}.items():
        menu_button(alice, text).focus()
        alice.keyboard.press("Enter")
        menu = alice.get_by_role("dialog", name="React or change")
        expect(menu.get_by_role("button", name="👍")).to_be_visible()
        expect(menu.get_by_role("button", name="Edit")).to_be_visible(visible=is_ours)
        alice.keyboard.press("Escape")
