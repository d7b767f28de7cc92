"""Who is typing."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from .page_parts import Enter, deliver, draft, expect, join, messages, say, typing
from .page_server import PageServer


@pytest.fixture(autouse=True)
def _extras(server: PageServer) -> None:
    server.restart_with(history={"store": "memory"}, chat_extras={"typing_seconds": 1e-6, "typing_expires": 3600})


def test_who_types_is_shown_to_the_others_until_it_is_said_or_thrown_away(enter: Enter) -> None:
    alice, bob = enter("alice"), enter("bob")
    draft(bob).fill("Hel")
    expect(typing(alice)).to_have_text("bob is typing…")
    say(bob, "Hello")
    expect(messages(alice)).to_have_text(["Hello"])
    expect(typing(alice)).to_be_empty()
    draft(bob).fill("Hel")
    expect(typing(alice)).to_have_text("bob is typing…")
    draft(bob).fill("")
    expect(typing(alice)).to_be_empty()
    expect(typing(bob)).to_be_empty()


def test_many_who_type_are_named_and_counted(server: PageServer, enter: Enter) -> None:
    alice = enter("alice")
    with ExitStack() as others:
        for user, told in {
            "bob": "bob is typing…",
            "carol": "bob and carol are typing…",
            "dave": "bob, carol and dave are typing…",
            "erin": "bob, carol, dave and 1 other are typing…",
        }.items():
            client = others.enter_context(server.connect(f"/lobby?user={user}"))
            deliver(client, type="typing", is_typing=True)
            expect(typing(alice)).to_have_text(told)
    expect(typing(alice)).to_be_empty()


def test_somebody_who_is_not_heard_of_again_has_stopped(server: PageServer, enter: Enter) -> None:
    alice = enter("alice", prepare=lambda page: page.clock.install())
    with server.connect("/lobby?user=bob") as bob:
        deliver(bob, type="typing", is_typing=True)
        expect(typing(alice)).to_have_text("bob is typing…")
        alice.clock.fast_forward(11_000)
        expect(typing(alice)).to_be_empty()


def test_it_is_told_in_the_room_where_it_is_done(server: PageServer, enter: Enter) -> None:
    alice = enter("alice")
    with server.connect("/lobby?user=bob") as bob:
        deliver(bob, type="typing", is_typing=True)
        expect(typing(alice)).to_have_text("bob is typing…")
        join(alice, "garden")
        expect(alice.get_by_role("heading", level=1)).to_have_text("garden")
        expect(typing(alice)).to_be_empty()
