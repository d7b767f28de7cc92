"""Reactions: what can be one, how many, and that nothing is told that changes nothing."""

import asyncio
from pathlib import Path

import pytest
from hubbub.core import Identity, Plugin, PluginConfig, Rejected, hookimpl
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests
from hubbub.plugins.chat_extras.emoji import is_emoji_or_word
from hubbub.plugins.chat_extras.events import Reaction

from .extras import ExtrasHub, code, error, reaction, seq_of


def test_a_reaction_and_its_removal_are_events_of_the_history() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        bob.send(reaction(of))
        bob.send({**reaction(of, removed=True), "id": "r"})
        added, removed = alice.take("reaction")
        assert (added["of"], added["emoji"], added["user"], added["seq"]) == (of, "👍", "bob", of + 1)
        assert "removed" not in added
        assert (removed["removed"], removed["seq"]) == (True, of + 2)
        assert bob.receive("ack", id="r")["seq"] == of + 2


def test_what_changes_nothing_is_acknowledged_and_not_told() -> None:
    with ExtrasHub() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of = seq_of(alice, "hi")
        assert code(bob, reaction(of, removed=True)) is None
        assert code(bob, reaction(of)) is None
        assert code(bob, reaction(of)) is None
        assert len(alice.take("reaction")) == 1


def test_a_reaction_sent_again_is_acknowledged_as_the_first_time() -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        for _ in range(2):
            alice.send({**reaction(of), "id": "r"})
        first, second = alice.take("ack")
        assert (first["seq"], second["seq"], second.get("duplicate")) == (of + 1, of + 1, True)


def test_a_user_has_so_many_different_reactions_to_a_message() -> None:
    with ExtrasHub(max_reactions=2) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        of, other = seq_of(alice, "hi"), seq_of(alice, "ho")
        assert [code(alice, reaction(of, emoji)) for emoji in "🌱🌷🌻"] == [None, None, "too_many_reactions"]
        assert code(alice, reaction(of, "🌱")) is None
        assert code(bob, reaction(of, "🌻")) is None
        assert code(alice, reaction(other, "🌻")) is None
        assert code(alice, reaction(of, "🌱", removed=True)) is None
        assert code(alice, reaction(of, "🌻")) is None


def test_the_number_holds_across_the_tabs_of_a_user_also_when_it_is_remembered_no_more() -> None:
    with ExtrasHub(max_reactions=2, people={"a": Identity("alice")}) as hub:
        tabs = [hub.enter("a") for _ in range(3)]
        of = seq_of(tabs[0], "hi")
        assert [code(tab, reaction(of, emoji)) for tab, emoji in zip(tabs, "🌱🌷🌻", strict=True)][2] is not None
        hub.forget()
        assert code(tabs[0], reaction(of, "🌻")) == "too_many_reactions"


def test_the_number_holds_over_a_restart_of_the_server(tmp_path: Path) -> None:
    history = {"store": "sqlite", "path": str(tmp_path / "history.sqlite"), "durability": "normal"}
    people = {"a": Identity("alice")}
    with ExtrasHub(max_reactions=1, people=people, history=history) as hub:
        alice = hub.enter("a")
        of = seq_of(alice, "hi")
        assert code(alice, reaction(of, "🌱")) is None
    with ExtrasHub(max_reactions=1, people=people, history=history) as hub:
        alice = hub.enter("a")
        assert code(alice, reaction(of, "🌻")) == "too_many_reactions"
        assert code(alice, reaction(of, "🌱", removed=True)) is None
        assert code(alice, reaction(of, "🌻")) is None


def test_what_another_server_has_published_counts_as_well() -> None:
    with ExtrasHub(max_reactions=2) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        assert code(alice, reaction(of, "🌱")) is None
        hub.publish(Reaction(user="alice", of=of, emoji="🌷"))
        assert code(alice, reaction(of, "🌻")) == "too_many_reactions"


def test_of_a_message_too_far_back_is_known_what_happens_from_now_on() -> None:
    with ExtrasHub(max_reactions=2, history={"max_recovered": 3}) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        for number in range(5):
            alice.say(number)
        assert code(alice, reaction(of, "🌱")) is None
        hub.publish(Reaction(user="alice", of=of, emoji="🌷"))
        assert code(alice, reaction(of, "🌻")) == "too_many_reactions"


def test_the_number_holds_for_reactions_that_come_at_once_after_a_restart(tmp_path: Path) -> None:
    history = {"store": "sqlite", "path": str(tmp_path / "history.sqlite"), "durability": "normal"}
    people = {"a": Identity("alice")}
    with ExtrasHub(people=people, history=history) as hub:
        of = seq_of(hub.enter("a"), "hi")
        hub.enter("a").say("and more")
    with ExtrasHub(max_reactions=1, people=people, history=history) as hub:
        tabs = hub.enter("a"), hub.enter("a")
        hub.at_once(*((tab, reaction(of, emoji)) for tab, emoji in zip(tabs, "🌱🌷", strict=True)))
        assert len(tabs[0].take("reaction")) == 1


class Slow(Plugin[PluginConfig]):
    @hookimpl
    async def check_publish(self, event: Reaction) -> None:
        await asyncio.sleep(1)
        if event.emoji == "🥀":
            raise Rejected("forbidden", "No.")


def test_the_number_holds_for_reactions_that_come_at_once() -> None:
    with ExtrasHub(
        max_reactions=1, others={"slow": {}}, plugins={"slow": Slow}, people={"a": Identity("al")}
    ) as hub:
        one, two = hub.enter("a"), hub.enter("a")
        of = seq_of(one, "hi")
        one.send(reaction(of, "🌱"))
        two.send(reaction(of, "🌷"))
        hub.advance(5)
        assert [event["emoji"] for event in one.take("reaction")] == ["🌱"]
        assert two.receive("error")["code"] == "too_many_reactions"


def test_a_reaction_that_was_not_published_does_not_count() -> None:
    with ExtrasHub(max_reactions=1, others={"slow": {}}, plugins={"slow": Slow}) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        alice.send(reaction(of, "🥀"))
        hub.advance(2)
        assert alice.receive("error")["code"] == "forbidden"
        alice.send(reaction(of, "🌱"))
        hub.advance(2)
        assert alice.receive("reaction")["emoji"] == "🌱"


def test_the_deployer_may_name_the_reactions_that_there_are() -> None:
    with ExtrasHub(reactions=["👍", "👎"]) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        assert code(alice, reaction(of, "👎")) is None
        refusal = error(alice, reaction(of, "🌱"))
        assert refusal is not None
        assert (refusal["code"], refusal["path"], refusal["expected"]) == ("invalid", "emoji", "👍 👎")


def test_what_is_a_reaction_no_more_can_be_taken_away() -> None:
    with ExtrasHub(reactions=["👍"]) as hub:
        alice = hub.connect("alice")
        of = seq_of(alice, "hi")
        hub.publish(Reaction(user="alice", of=of, emoji="🌱"))
        assert code(alice, reaction(of, "🌱", removed=True)) is None
        assert alice.take("reaction") == []
        assert code(alice, reaction(of, "🌱")) == "invalid"


def test_reactions_can_be_off() -> None:
    with ExtrasHub(reactions=[]) as hub:
        alice = hub.connect("alice")
        refusal = error(alice, reaction(seq_of(alice, "hi")))
        assert refusal is not None
        assert refusal["expected"] == "nothing: reactions are off"


@pytest.mark.parametrize("emoji", ["", "x" * 33, "two words", "\u202ex", "\u200d", "\ufe0f", "a\x07", " "])
def test_a_reaction_can_be_seen_and_plays_no_tricks(emoji: str) -> None:
    with ExtrasHub() as hub:
        alice = hub.connect("alice")
        refusal = error(alice, reaction(seq_of(alice, "hi"), emoji))
        assert refusal is not None
        assert (refusal["code"], refusal["path"], refusal["example"]) == ("invalid", "emoji", reaction(12))


@pytest.mark.parametrize(
    "emoji",
    ["👍", "👍🏽", "❤️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🇩🇪", ":tada:", "+1", "ß", "नहीं", "\U0001fae9"],
)
def test_every_emoji_and_word_is_a_reaction(emoji: str) -> None:
    assert is_emoji_or_word(emoji)


def test_who_may_not_publish_may_still_react_and_a_right_of_its_own_says_who() -> None:
    people = {"ed": Identity("ed"), "pat": Identity("pat"), "tim": Identity("tim")}
    rules = {"news": {"join": "everyone", "publish": "ed", "react": ["ed", "pat"]}, "*": {"join": "everyone"}}
    with ExtrasHub(others={"permissions": {"rooms": rules}}, people=people) as hub:
        ed, pat, tim = (hub.enter(token, "news") for token in people)
        of = seq_of(ed, "news!")
        assert code(pat, {"type": "message", "content": "me too"}) == "forbidden"
        assert code(pat, reaction(of)) is None
        refusal = error(tim, reaction(of))
        assert refusal is not None
        assert refusal["message"] == "You may not do what takes the right 'react' in the room 'news'."


@pytest.mark.parametrize("reactions", [["two words"], ["👍", ""], ["x" * 33]])
def test_a_reaction_that_nobody_could_send_stops_the_start(reactions: list[str]) -> None:
    with pytest.raises(ConfigError, match="is neither an emoji nor a word"):
        HubForTests({"chat_extras": {"reactions": reactions}})
