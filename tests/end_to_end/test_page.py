"""The page at ``/`` in a real browser, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

try:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright
except ImportError:
    if "CI" in os.environ:
        raise
    pytest.skip("playwright is not installed; `pip install playwright` does it", allow_module_level=True)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CONNECT = """async ([url, { random = 0.5, ...options }]) => {
    const { HubbubClient } = await import("/page/client.js");
    window.client = new HubbubClient({ url, user: "alice", rooms: ["lobby"], random: () => random, ...options });
    const reached = (wanted) => new Promise((resolve) => {
        client.addEventListener("state", ({ detail }) => detail.state === wanted && resolve(detail));
    });
    window.waiting = reached("waiting");
    const open = reached("open");
    client.connect();
    await open;
}"""
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1200, "height": 760}


class Server:
    """A `hubbub serve` of its own, which can die and come back on the same port."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "hubbub.core.cli", "serve", "--port", str(self._port)]
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self._folder,
                env=os.environ | self.environment,
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.url, self._port = found[0], int(found[1])
                return
        pytest.fail(f"the server printed no URL: {(self._folder / 'server.log').read_text()}")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, how: signal.Signals) -> None:
        if self._process is not None:
            with self._process:
                self.signal(how)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "Chromium is not installed; `apt-get install chromium` does it"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """Opens the page as a new visitor, whose delays are always ``jitter`` of what they may be."""
    pages: list[Page] = []

    def open_page(path: str = "", *, viewport: dict[str, int] = DESKTOP, jitter: float = 0.5) -> Page:
        context = browser.new_context(viewport={"width": viewport["width"], "height": viewport["height"]})
        page = context.new_page()
        page.add_init_script(f"Math.random = () => {jitter}")
        page.goto(server.url + path)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.context.close()


Enter = Callable[..., Page]


@pytest.fixture
def enter(open_page: OpenPage) -> Enter:
    """Opens the page and gives a name."""

    def enter(user: str, path: str = "", *, viewport: dict[str, int] = DESKTOP, jitter: float = 0.5) -> Page:
        page = open_page(path, viewport=viewport, jitter=jitter)
        page.get_by_label("Your name").fill(user)
        page.keyboard.press("Enter")
        expect(connection(page)).to_have_text("Connected")
        return page

    return enter


def websocket_url(server: Server) -> str:
    return server.url.replace("http", "ws") + "ws"


def connection(page: Page) -> Locator:
    return page.locator("#connection-text")


def messages(page: Page) -> Locator:
    return page.get_by_role("log").locator(".message .content")


def people(page: Page) -> Locator:
    return page.locator("#people-list .entry-name")


def refused(page: Page) -> Locator:
    return page.get_by_role("list", name="Not yet sent").locator("li.refused")


def draft(page: Page) -> Locator:
    return page.locator("#draft")


def say(page: Page, content: str) -> None:
    draft(page).fill(content)
    draft(page).press("Enter")


def join(page: Page, room: str) -> None:
    page.get_by_label("Join another room").fill(room)
    page.keyboard.press("Enter")


def tab_to(page: Page, target: Locator) -> None:
    """Walks there with the Tab key alone, past stops that all show where the focus is."""
    for _ in range(40):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or page.evaluate("document.activeElement === document.body")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not reach {target}")


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


def test_in_a_large_room_those_who_come_and_go_are_told_together_and_counted(server: Server, enter: Enter) -> None:
    server.end(signal.SIGTERM)
    for option, value in {"GATHER_ABOVE": 1, "GATHER_SECONDS": 2, "GATHER_NAMES": 2, "MAX_LISTED": 3}.items():
        server.environment[f"HUBBUB_PLUGINS__PRESENCE__{option}"] = str(value)
    server.start()
    alice = enter("alice")
    expect(people(alice)).to_have_text(["alice"])
    with ExitStack() as others:
        for user in ("bob", "carol", "dave"):
            others.enter_context(connect(f"{websocket_url(server)}/lobby?user={user}"))
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


def test_a_killed_server_is_told_and_the_page_resumes_when_it_is_back(server: Server, enter: Enter) -> None:
    alice = enter("alice")
    join(alice, "garden")
    expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
    server.end(signal.SIGKILL)
    expect(connection(alice)).to_have_text(re.compile(r"Reconnecting in \d+ s \(attempt \d+\)…"))
    say(alice, "said meanwhile")
    expect(connection(alice)).to_contain_text("1 message waits to be sent.")
    draft(alice).fill("half a sentence")
    server.start()
    expect(connection(alice)).to_have_text("Connected", timeout=30_000)
    expect(messages(alice)).to_have_text(["said meanwhile"])
    expect(alice.get_by_role("log")).to_contain_text(re.compile(r"Connected again after \d+ s\."))
    expect(draft(alice)).to_have_value("half a sentence")
    bob = enter("bob", "?room=garden")
    expect(people(bob)).to_have_text(["bob", "alice"])
    say(bob, "Welcome back.")
    expect(messages(alice)).to_have_text(["said meanwhile", "Welcome back."])


def test_try_now_does_not_wait_for_the_next_attempt(server: Server, enter: Enter) -> None:
    alice = enter("alice", jitter=20)
    server.end(signal.SIGKILL)
    expect(connection(alice)).to_contain_text(re.compile(r"in (20|19|18) s \(attempt 1\)"))
    server.start()
    alice.get_by_role("button", name="Try now").click()
    expect(connection(alice)).to_have_text("Connected", timeout=2_000)


def test_a_server_that_drains_is_told_apart_from_one_that_vanishes(server: Server, enter: Enter) -> None:
    alice = enter("alice")
    server.end(signal.SIGTERM)
    expect(connection(alice)).to_have_text(
        re.compile(r"The server is restarting\. Reconnecting in \d+ s \(attempt 1\)")
    )


def test_the_client_waits_as_long_as_a_draining_server_asks(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [websocket_url(server), {"random": 0}])
    server.end(signal.SIGTERM)
    detail = page.evaluate("waiting")
    assert (detail["code"], detail["attempt"], detail["delay"]) == (1012, 1, 1000)


def test_the_client_notices_a_server_that_stops_answering(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [websocket_url(server), {"quiet": 100, "patience": 400}])
    server.signal(signal.SIGSTOP)
    try:
        detail = page.evaluate("waiting")
    finally:
        server.signal(signal.SIGCONT)
    assert (detail["code"], detail["reason"]) == (1006, "The server stopped answering.")


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


def test_the_client_module_rejects_with_the_servers_sentence(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [websocket_url(server), {}])
    error = page.evaluate(
        """async () => {
            const error = await client.message("lobby", "  ").catch((error) => error);
            const { users } = await client.presence("lobby");
            return { name: error.name, code: error.code, message: error.message, users: users.length };
        }"""
    )
    assert error == {"name": "HubbubError", "code": "invalid", "message": "The content is blank.", "users": 1}


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


def test_a_busy_room_keeps_the_newest_five_hundred_lines(server: Server, enter: Enter) -> None:
    server.end(signal.SIGTERM)
    server.environment["HUBBUB_PLUGINS__RATE_LIMIT__MESSAGES"] = "1000"
    server.start()
    alice = enter("alice")
    with connect(websocket_url(server) + "/lobby?user=bob", max_queue=None) as bob:
        for number in range(600):
            bob.send(f'{{"type": "message", "content": "number {number}"}}')
        expect(messages(alice).last).to_have_text("number 599")
        expect(alice.locator("#log > li")).to_have_count(500)
        expect(messages(alice).last).to_be_in_viewport()


def test_a_visit_logs_no_error_and_asks_no_other_origin(server: Server, open_page: OpenPage, enter: Enter) -> None:
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
