from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import pytest

from .page_server import PageServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from .page_parts import Enter, OpenPage, Visit

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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    """Not started yet, so that a test may configure it."""
    server = PageServer(tmp_path)
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # Others use the machine meanwhile.
    if CHROMIUM is None:
        reason = "Chromium is not installed; `apt-get install chromium` does it"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: PageServer) -> Iterator[OpenPage]:
    """Opens the page as a new visitor, or another tab ``beside`` a page; starts the server for the first one."""
    from .page_parts import DESKTOP

    with ExitStack() as contexts:

        def open_page(path: str = "", **visit: Unpack[Visit]) -> Page:
            if "beside" in visit:
                context = visit["beside"].context
            else:
                context = contexts.enter_context(browser.new_context(viewport=visit.get("viewport", DESKTOP)))
            if not server.url:
                server.start()
            page = context.new_page()
            page.add_init_script(f"Math.random = () => {visit.get('jitter', 0.5)}")
            if "prepare" in visit:
                visit["prepare"](page)
            page.goto(server.url + path)
            return page

        yield open_page


@pytest.fixture
def enter(open_page: OpenPage) -> Enter:
    """Opens the page and gives a name."""
    from .page_parts import connection, expect, give_name

    def enter(user: str, path: str = "", **visit: Unpack[Visit]) -> Page:
        page = open_page(path, **visit)
        give_name(page, user)
        expect(connection(page)).to_have_text("Connected")
        return page

    return enter
