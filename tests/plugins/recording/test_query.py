from hubbub.core.testing import HubForTests

from .moody import MoodyStore, Start


def filled(hub: HubForTests, number: int) -> None:
    for each in range(1, number + 1):
        hub.run(hub.hub.publish("lobby", each, user="news"))


def test_history_pages_backwards_oldest_first(start: Start) -> None:
    with start(page=4) as hub:
        filled(hub, 10)
        alice = hub.connect("alice")
        pages: list[list[int]] = []
        before: int | None = None
        while True:
            alice.send({"type": "history", "id": "h", **({} if before is None else {"before": before})})
            page = alice.receive("history")
            assert alice.receive("ack")["id"] == "h"
            pages.append([event["content"] for event in page["events"]])
            assert [event["seq"] for event in page["events"]] == list(range(page["first"], page["last"] + 1))
            before = page["first"]
            if not page["more"]:
                break
        assert pages == [[7, 8, 9, 10], [3, 4, 5, 6], [1, 2]]


def test_the_page_is_as_long_as_asked_but_not_longer_than_the_config_allows(start: Start) -> None:
    with start(page=4) as hub:
        filled(hub, 10)
        alice = hub.connect("alice")
        for limit, expected in ((2, 2), (4, 4), (9, 4), (10**9, 4)):
            alice.send({"type": "history", "limit": limit})
            assert len(alice.receive("history")["events"]) == expected


def test_a_room_without_events_has_an_empty_page(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        epoch = alice.receive("system", event="joined")["epoch"]
        alice.send({"type": "history"})
        assert alice.receive("history") == {
            "type": "history",
            "room": "lobby",
            "events": [],
            "epoch": epoch,
            "first": 1,
            "last": 0,
            "more": False,
        }


def test_before_may_be_any_number(start: Start) -> None:
    with start() as hub:
        filled(hub, 3)
        alice = hub.connect("alice")
        for before, expected in ((1, []), (2, [1]), (10**12, [1, 2, 3])):
            alice.send({"type": "history", "before": before})
            assert [event["content"] for event in alice.receive("history")["events"]] == expected


def test_a_wrong_field_is_explained(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        for field, value in (("limit", 0), ("limit", "ten"), ("before", -1), ("before", 1.5)):
            alice.send({"type": "history", field: value, "id": "h"})
            error = alice.receive("error")
            assert (error["code"], error["path"], error["id"]) == ("invalid", field, "h")
        alice.send({"type": "history", "limit": 0})
        assert alice.receive("error")["expected"] == "a whole number of at least 1"


def test_messagepack_clients_get_the_same(start: Start) -> None:
    with start() as hub:
        filled(hub, 3)
        for subprotocols in ((), ("hubbub.v1.msgpack",)):
            alice = hub.connect("alice", subprotocols=subprotocols)
            alice.send({"type": "history", "limit": 2})
            events = alice.receive("history")["events"]
            assert [(event["type"], event["seq"], event["content"]) for event in events] == [
                ("message", 2, 2),
                ("message", 3, 3),
            ]


def test_only_members_may_ask(start: Start) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        alice.send({"type": "history", "room": "garden", "id": "h"})
        assert alice.receive("error")["code"] == "not_in_room"


def test_code_of_the_servers_own_may_ask_about_any_room(start: Start) -> None:
    from hubbub.core import Identity
    from hubbub.core.service import perform

    with start() as hub:
        filled(hub, 3)
        query = {"type": "history", "room": "lobby", "limit": 2}
        outcome = hub.run(perform(hub.hub, Identity("backend", "service"), query))
        assert len(outcome.replies) == 1


def test_while_the_store_is_away_there_is_no_answer_but_an_error(start: Start, store: MoodyStore) -> None:
    with start() as hub:
        alice = hub.connect("alice")
        store.seconds = 0.0
        store.is_away = True
        alice.send({"type": "history", "room": "lobby", "id": "h"})
        assert {event["type"] for event in alice.take()} <= {"system", "error", "history", "ack"}
        store.is_away = False
        hub.advance(10)
        alice.send({"type": "history", "id": "again"})
        assert alice.receive("ack")["id"] == "again"
