import pytest
from hubbub.core import Message, PluginError, Rejected, RoomEvent
from hubbub.core.config_errors import ConfigError
from hubbub.core.testing import HubForTests

from .moody import MoodyStore, Start, contents, resume_from


class Wave(RoomEvent, tag="wave"):
    is_recorded = False


async def publish(hub: HubForTests, event: RoomEvent) -> None:
    await hub.manager.publish("lobby", event)


def test_each_event_gets_the_next_number_of_its_room_and_the_ack_tells_it(start: Start) -> None:
    with start() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob", "garden")
        for text in ("one", "two"):
            alice.say(text, id=text)
        bob.say("three", id="three")
        assert [event["seq"] for event in alice.take("message")] == [1, 2]
        assert [ack["seq"] for ack in alice.take("ack")] == [1, 2]
        assert [ack["seq"] for ack in bob.take("ack")] == [1]


def test_whoever_enters_is_told_where_the_room_stands(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        first = alice.receive("system", event="joined")
        assert first["seq"] == 0
        alice.say("one")
        second = hub.connect("bob").receive("system", event="joined")
        assert (second["epoch"], second["seq"]) == (first["epoch"], 1)
        assert "recovered" not in second


def test_a_single_event_can_be_looked_up_as_it_was_published(start: Start) -> None:
    with start() as hub:
        hub.connect("alice").say("one")
        recorder = hub.manager.publisher.recorder
        assert recorder is not None
        found = hub.run(recorder.event("lobby", 1))
        assert found is not None
        assert (found["type"], found["user"], found["content"], found["seq"]) == ("message", "alice", "one", 1)
        assert hub.run(recorder.event("lobby", 2)) is None


def test_a_number_is_never_given_twice_also_after_a_restart(start: Start) -> None:
    with start() as hub:
        hub.connect("alice").say("one")
    with start() as hub:
        alice = hub.connect("alice")
        alice.say("two", id="2")
        assert alice.receive("ack")["seq"] == 2


def test_a_room_of_which_nothing_is_kept_has_no_numbers(store: MoodyStore) -> None:
    rooms = {"options": {"tmp-*": {"plugins": {"history": {"keep": 0}}}}}
    with HubForTests({"chat": {}, "history": {"store": "moody"}}, rooms=rooms) as hub:
        alice = hub.connect("alice", "tmp-1")
        assert "seq" not in alice.receive("system", event="joined")
        alice.say("one", id="1")
        assert "seq" not in alice.receive("ack")
        alice.send({"type": "history", "id": "2"})
        assert alice.receive("error")["code"] == "forbidden"
        assert store.steps == []


def test_an_event_type_that_is_not_to_be_recorded_goes_out_without_a_number(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        hub.run(publish(hub, Wave(user="alice")))
        assert "seq" not in alice.receive("wave")
        assert store.steps == []


def test_an_event_goes_out_and_is_acknowledged_only_once_it_is_stored(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        store.seconds = 1.0
        alice.say("one", id="1")
        hub.advance(0.9)
        assert not alice.take("message")
        assert not alice.take("ack")
        hub.advance(0.2)
        assert contents(alice) == ["one"]
        assert alice.receive("ack")["seq"] == 1


def test_what_comes_while_the_store_is_busy_is_stored_together_and_keeps_its_order(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        people = [hub.connect(f"user-{number}") for number in range(8)]
        store.seconds = 1.0
        for number, each in enumerate(people):
            each.say(number, id=str(number))
        hub.advance(2.5)
        assert store.steps == [1, 7]
        for each in people:
            assert [(event["seq"], event["content"]) for event in each.take("message")] == [
                (number + 1, number) for number in range(8)
            ]


def test_what_cannot_be_encoded_takes_no_number(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        alice.say(1, id="1")
        with pytest.raises(Rejected, match="of a kind that JSON does not have"):
            hub.run(publish(hub, Message(user="bob", content=object())))
        alice.say(2, id="2")
        assert [ack["seq"] for ack in alice.take("ack")] == [1, 2]


@pytest.mark.parametrize("own", [{"store": "memory"}, {"private": {"keep": 5}}, {"max_recovered": 5}])
def test_the_store_is_one_for_all_rooms(store: MoodyStore, own: dict[str, object]) -> None:
    rooms = {"options": {"garden": {"plugins": {"history": own}}}}
    hub = HubForTests({"chat": {}, "history": {"store": "moody"}}, rooms=rooms)
    with pytest.raises(PluginError, match="hold for the whole server"):
        hub.__enter__()


def test_an_unknown_store_is_explained() -> None:
    with pytest.raises(ConfigError, match="store: there is no store 'sqlit'; there are: memory, sqlite"):
        HubForTests({"chat": {}, "history": {"store": "sqlit"}}).__enter__()


def test_the_same_id_is_published_once_across_a_restart(start: Start) -> None:
    with start() as hub:
        hub.connect("alice").say("one", id="1")
    with start() as hub:
        alice = hub.connect("alice")
        query = resume_from(alice)
        alice.say("one", id="1")
        ack = alice.receive("ack")
        assert (ack["seq"], ack["duplicate"]) == (1, True)
        assert contents(alice) == []
        assert query["since"] == "1"


def test_an_id_is_published_once_also_where_the_store_takes_longer_than_a_hook_may(
    start: Start, store: MoodyStore
) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        store.seconds, store.reads_aside = 8.0, True
        alice.say("one", id="1")
        hub.advance(5.5)
        assert alice.receive("error")["retryable"]
        alice.say("one", id="1")
        hub.advance(20)
        ack = alice.receive("ack")
        assert (ack["seq"], ack["duplicate"]) == (1, True)
        assert contents(alice) == ["one"]
