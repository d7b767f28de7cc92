import pytest
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Json

from .moody import MoodyStore, Start, contents, resume_from


def said(hub: HubForTests, *texts: Json) -> None:
    """Have somebody say something to the lobby who is not there."""
    for text in texts:
        hub.run(hub.hub.publish("lobby", text, user="news"))


def test_who_comes_back_gets_what_was_missed_in_order_and_then_what_is_live(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        query = resume_from(alice)
        alice.close()
        said(hub, 1, 2, 3)
        again = hub.connect("alice", query=query)
        joined = again.receive("system", event="joined")
        assert (joined["seq"], joined["recovered"]) == (3, True)
        said(hub, 4)
        assert [(event["seq"], event["content"]) for event in again.take("message")] == [
            (n, n) for n in (1, 2, 3, 4)
        ]


def test_who_has_missed_nothing_is_told_so(start: Start) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        again = hub.connect("alice", query=query)
        assert again.receive("system", event="joined")["recovered"] is True
        assert contents(again) == []


def test_joining_another_room_recovers_too(start: Start) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "garden")
        epoch = bob.receive("system", event="joined")["epoch"]
        for number in range(3):
            bob.say(number)
        alice.send({"type": "join", "room": "garden", "epoch": epoch, "since": 1, "id": "j"})
        assert alice.receive("system", event="joined", room="garden")["recovered"] is True
        assert contents(alice) == [1, 2]
        assert alice.receive("ack")["id"] == "j"


def test_it_works_after_a_restart_of_the_server(start: Start) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        said(hub, 1, 2)
    with start() as hub:
        said(hub, 3)
        again = hub.connect("alice", query=query)
        assert again.receive("system", event="joined")["recovered"] is True
        assert contents(again) == [1, 2, 3]


@pytest.mark.parametrize(
    "query",
    [{"epoch": "another", "since": "1"}, {"since": "1"}, {"epoch": "", "since": "4"}, {"since": "1000000"}],
)
def test_a_place_that_this_room_never_had_is_not_recovered(start: Start, query: dict[str, str]) -> None:
    with start() as hub:
        epoch = resume_from(hub.connect("bob"))["epoch"]
        said(hub, 1, 2, 3)
        alice = hub.connect("alice", query={"epoch": epoch if query.get("since") != "1" else "", **query})
        joined = alice.receive("system", event="joined")
        assert (joined["recovered"], joined["seq"], joined["epoch"]) == (False, 3, epoch)
        assert contents(alice) == []


@pytest.mark.parametrize("options", [{"keep": 3}, {"max_recovered": 3}])
def test_what_is_not_whole_any_more_is_not_given_at_all(start: Start, options: dict[str, object]) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        said(hub, *range(4))
    with start(**options, trim_interval=1) as hub:
        hub.advance(2)
        alice = hub.connect("alice", query=query)
        assert alice.receive("system", event="joined")["recovered"] is False
        assert contents(alice) == []
        bob = hub.connect("bob", query={**query, "since": "1"})
        assert bob.receive("system", event="joined")["recovered"] is True
        assert contents(bob) == [1, 2, 3]


def test_what_is_no_number_is_refused_with_a_reason(start: Start) -> None:
    with start() as hub:
        for since in ("", "-1", "1.5", "x", "9" * 30, "\u0661"):
            alice = hub.connect("alice", query={"epoch": "x", "since": since})
            assert alice.close_code == 4003
            assert "since" in alice.close_reason


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("missed", [0, 1, 30])
def test_nothing_is_lost_or_doubled_at_the_seam_while_others_publish_at_full_speed(
    start: Start, store: MoodyStore, seconds: float, missed: int
) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        publishers = [hub.connect(f"user-{number}") for number in range(3)]
        for number in range(missed):
            publishers[0].say(number)
        store.seconds = seconds
        joiners: list[ClientForTests] = []
        for step in range(20):
            for publisher in publishers:
                publisher.say(f"{step}")
            joiners.append(hub.connect(f"late-{step}", query=query))
            hub.advance(0.1)
        store.seconds = 0.0
        hub.advance(60)
        for joiner in joiners:
            assert joiner.receive("system", event="joined")["recovered"] is True
            assert [event["seq"] for event in joiner.take("message")] == list(range(1, missed + 61))


def test_what_is_at_hand_is_not_read_from_the_store_again(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        said(hub, 1, 2)
        store.seconds = 10.0  # It would be noticed.
        assert contents(hub.connect("alice", query=query)) == [1, 2]


def test_what_was_read_for_one_is_at_hand_for_all_who_have_missed_the_same(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        query = resume_from(hub.connect("alice"))
        said(hub, 1, 2)
    with start() as hub:
        said(hub, 3)
        assert contents(hub.connect("alice", query=query)) == [1, 2, 3]
        store.seconds = 10.0
        said(hub, 4)
        assert contents(hub.connect("bob", query=query)) == [1, 2, 3, 4]
