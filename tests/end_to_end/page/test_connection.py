"""What the page and its client do about a connection that is lost."""

from __future__ import annotations

import re
import signal

from .page_parts import Enter, OpenPage, connection, draft, expect, join, messages, people, say
from .page_server import PageServer

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


def test_a_killed_server_is_told_and_the_page_resumes_when_it_is_back(server: PageServer, enter: Enter) -> None:
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


def test_try_now_does_not_wait_for_the_next_attempt(server: PageServer, enter: Enter) -> None:
    alice = enter("alice", jitter=20)
    server.end(signal.SIGKILL)
    expect(connection(alice)).to_contain_text(re.compile(r"in (20|19|18) s \(attempt 1\)"))
    server.start()
    alice.get_by_role("button", name="Try now").click()
    expect(connection(alice)).to_have_text("Connected", timeout=2_000)


def test_a_server_that_drains_is_told_apart_from_one_that_vanishes(server: PageServer, enter: Enter) -> None:
    alice = enter("alice")
    server.end(signal.SIGTERM)
    expect(connection(alice)).to_have_text(
        re.compile(r"The server is restarting\. Reconnecting in \d+ s \(attempt 1\)")
    )


def test_the_client_waits_as_long_as_a_draining_server_asks(server: PageServer, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [server.websocket_url, {"random": 0}])
    server.end(signal.SIGTERM)
    detail = page.evaluate("waiting")
    assert (detail["code"], detail["attempt"], detail["delay"]) == (1012, 1, 1000)


def test_the_client_notices_a_server_that_stops_answering(server: PageServer, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [server.websocket_url, {"quiet": 100, "patience": 400}])
    server.send(signal.SIGSTOP)
    try:
        detail = page.evaluate("waiting")
    finally:
        server.send(signal.SIGCONT)
    assert (detail["code"], detail["reason"]) == (1006, "The server stopped answering.")


def test_the_client_module_rejects_with_the_servers_sentence(server: PageServer, open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(CONNECT, [server.websocket_url, {}])
    error = page.evaluate(
        """async () => {
            const error = await client.message("lobby", "  ").catch((error) => error);
            const { users } = await client.presence("lobby");
            return { name: error.name, code: error.code, message: error.message, users: users.length };
        }"""
    )
    assert error == {"name": "HubbubError", "code": "invalid", "message": "The content is blank.", "users": 1}
