"""Where things are on the page, and what a person does there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Protocol, TypedDict, Unpack
from uuid import uuid4

import pytest
from websockets.sync.client import ClientConnection

try:
    from playwright.sync_api import ConsoleMessage, Locator, Page, ViewportSize, WebSocketRoute, expect
except ImportError:
    if "CI" in os.environ:
        raise
    pytest.skip("playwright is not installed; `pip install playwright` does it", allow_module_level=True)

__all__ = ["ConsoleMessage", "Enter", "Locator", "OpenPage", "Page", "WebSocketRoute", "expect"]

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1200, "height": 760}


class Visit(TypedDict, total=False):
    """How a page is opened."""

    viewport: ViewportSize
    jitter: float
    """What part of its longest delay the page always waits."""
    beside: Page
    """Of whose visitor it is another tab."""
    prepare: Callable[[Page], object]
    """Called before the page is loaded."""


class OpenPage(Protocol):
    def __call__(self, path: str = "", **visit: Unpack[Visit]) -> Page: ...


class Enter(Protocol):
    def __call__(self, who: str, /, path: str = "", **visit: Unpack[Visit]) -> Page: ...


def connection(page: Page) -> Locator:
    return page.locator("#connection-text")


def messages(page: Page) -> Locator:
    return page.get_by_role("log").locator(".message .content")


def message(page: Page, text: str) -> Locator:
    """The message that says this, with all that belongs to it."""
    return page.get_by_role("log").locator(".message").filter(has_text=text)


def menu_button(page: Page, text: str) -> Locator:
    """Opens what can be done with the message that says this."""
    return message(page, text).get_by_role("button", name="React or change")


def chips(page: Page) -> Locator:
    return page.get_by_role("log").locator(".chip")


def typing(page: Page) -> Locator:
    return page.locator("#typing")


def log_lines(page: Page) -> Locator:
    return page.locator("#log > li")


def people(page: Page) -> Locator:
    return page.locator("#people-list .entry-name")


def pending(page: Page) -> Locator:
    return page.get_by_role("list", name="Not yet sent").locator("li")


def refused(page: Page) -> Locator:
    return page.get_by_role("list", name="Not yet sent").locator("li.refused")


def draft(page: Page) -> Locator:
    return page.locator("#draft")


def me(page: Page) -> Locator:
    return page.locator("#me")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def say(page: Page, content: str) -> None:
    draft(page).fill(content)
    draft(page).press("Enter")


def join(page: Page, room: str) -> None:
    page.get_by_label("Join another room").fill(room)
    page.keyboard.press("Enter")


def choose_room(page: Page, room: str) -> None:
    page.get_by_role("navigation").get_by_role("button", name=room).click()


def give_name(page: Page, user: str) -> None:
    page.get_by_label("Your name").fill(user)
    page.keyboard.press("Enter")


def give_token(page: Page, token: str) -> None:
    page.get_by_label("Your token").fill(token)
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


def publish(client: ClientConnection, *contents: str) -> None:
    """Say something as another client, until the server has confirmed all of it."""
    for content in contents:
        client.send(json.dumps({"type": "message", "content": content, "id": content}))
    waiting = set(contents)
    while waiting:
        event = json.loads(client.recv(timeout=20))
        assert event["type"] != "error", event
        if event["type"] == "ack":
            waiting.discard(event["id"])


def deliver(client: ClientConnection, **event: object) -> int:
    """Send an event as another client, until the server has confirmed it; its number in the room."""
    mine = uuid4().hex
    client.send(json.dumps({**event, "id": mine}))
    while True:
        answer = json.loads(client.recv(timeout=20))
        assert answer["type"] != "error", answer
        if answer["type"] == "ack" and answer["id"] == mine:
            return answer.get("seq", 0)
