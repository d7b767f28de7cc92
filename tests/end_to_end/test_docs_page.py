"""The page at ``/docs`` in a real browser, which may fetch nothing from elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from .conftest import StartServer
from .running_server import RunningServer

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:
    if "CI" in os.environ:
        raise
    pytest.skip("playwright is not installed; `pip install playwright` does it", allow_module_level=True)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEY = "only-for-tests-0123456789abcdefghij"
SCOPES = ["publish", "notify", "read", "control"]


@pytest.fixture
def transport() -> str:
    return "auto"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        assert "CI" not in os.environ, "there is no chromium"
        pytest.skip("there is no chromium; `apt-get install chromium` brings it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@contextmanager
def docs(browser: Browser, server: RunningServer) -> Generator[Page]:
    """The page, open; nothing may have gone wrong on it, or have been asked of anybody else."""
    origin, problems = f"http://{server.host}:{server.port}", list[str]()
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda each: None if each.url.startswith(origin) else problems.append(each.url))
    page.goto(f"{origin}/docs")
    expect(page.locator(".operation").first).to_be_visible()
    yield page
    page.close()
    assert not [each for each in problems if "401" not in each]


def test_every_operation_is_shown_and_opens(browser: Browser, start_server: StartServer) -> None:
    with docs(browser, start_server()) as page:
        expect(page.locator(".operation")).to_have_count(18)
        expect(page.locator("#description")).to_contain_text("The API is off on this server")
        for operation in page.locator(".operation").all():
            operation.locator("> summary").click()
            expect(operation.get_by_role("button", name="Send")).to_be_visible()
            for more in operation.locator(".more > summary").all():
                more.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_request_can_be_tried_with_a_key_and_copied_without_it(
    browser: Browser, start_server: StartServer
) -> None:
    server = start_server({"api": {"keys": [{"name": "shop", "key": KEY, "scopes": SCOPES}]}})
    with docs(browser, server) as page:
        operation = page.locator("#publish")
        operation.locator("> summary").click()
        send, result = operation.get_by_role("button", name="Send"), operation.locator(".result")
        send.click()
        expect(result).to_contain_text("401 Unauthorized")
        page.get_by_label("API key").fill(KEY)
        operation.get_by_label("room", exact=False).first.fill("a/b c")
        expect(operation.locator(".command")).to_contain_text("/api/rooms/a%2Fb%20c/messages")
        operation.get_by_label("room", exact=False).first.fill("it's")
        send.click()
        expect(result).to_contain_text("200 OK")
        expect(result).to_contain_text('"room": "it\'s"')
        expect(operation.locator(".command")).to_contain_text("$HUBBUB_API_KEY")
        assert KEY not in page.content()
        assert page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])") == '[{},{},""]'
