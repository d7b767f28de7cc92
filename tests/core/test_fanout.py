"""Order, in the face of everything that can happen between an event and the socket."""

from collections import defaultdict
from collections.abc import Callable

import pytest
from hubbub.core import Connection, Message
from hubbub.core.fanout import Fanout
from hubbub.core.room import Room
from hubbub.core.testing import ClientForTests, HubForTests, Received
from hypothesis import given
from hypothesis import strategies as st

ROOMS = ["lobby", "garden", "attic"]
MEMBERS = 6
FORMATS = ("hubbub.v1.json", "hubbub.v1.msgpack")

member, room = st.integers(0, MEMBERS - 1), st.sampled_from(ROOMS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), member, room),
        st.tuples(st.just("publish with id"), member, room),
        st.tuples(st.just("publish to others"), member, room),
        st.tuples(st.just("send"), member, room),
        st.tuples(st.just("join"), member, room),
        st.tuples(st.just("leave"), member, room),
        st.tuples(st.just("close"), member, room),
        st.tuples(st.just("vanish"), member, room),
        st.tuples(st.just("fail"), member, room),
        st.tuples(st.just("turn"), member, room),
    ),
    max_size=60,
)

Expected = tuple[str | None, str, str | None]
"""The room of a publication, or None for what was sent to one connection; what it says; and its id."""


class Model:
    """What each member must receive, written down at the moment at which it happens."""

    def __init__(self, connections: list[Connection]) -> None:
        self.connections = connections
        self.rooms = [{"lobby"} for _ in connections]
        self.expected: list[list[Expected]] = [[] for _ in connections]
        self.fate = ["open"] * len(connections)

    def publish(self, room: str, text: str, sender: int, *, id_: str | None, exclude: bool) -> None:
        for index, rooms in enumerate(self.rooms):
            if room in rooms and not (exclude and index == sender):
                same_user = self.connections[index].user == self.connections[sender].user
                self.expected[index].append((room, text, id_ if same_user else None))

    def send(self, index: int, text: str) -> None:
        if self.fate[index] in ("open", "failed"):
            self.expected[index].append((None, text, None))

    def ends(self, index: int, fate: str) -> None:
        if self.fate[index] == "open":
            self.fate[index] = fate
            self.rooms[index] = set() if fate != "failed" else self.rooms[index]


def received(event: Received) -> Expected:
    if event["type"] == "message":
        return event.get("room"), event["content"], event.get("id")
    return None, f"{event['event']} {event['room']}", None


def apply(hub: HubForTests, client: ClientForTests, model: Model, number: int, step: tuple[str, int, str]) -> None:
    """Do one step to the server and to the model."""
    action, index, room = step
    connection, manager, text = model.connections[index], hub.manager, str(number)
    is_in, is_open = room in connection.rooms, connection.is_open
    match action:
        case "publish" | "publish with id" | "publish to others":
            id_ = f"id {number}" if action == "publish with id" else None
            exclude = connection if action == "publish to others" else None
            model.publish(room, text, index, id_=id_, exclude=exclude is not None)
            manager.publish(room, Message(content=text, user=connection.user, id=id_), exclude=exclude)
        case "send":
            model.send(index, text)
            connection.send(Message(content=text))
        case "join" if is_open and not is_in:
            manager.join(connection, room)
            model.rooms[index].add(room)
            model.send(index, f"joined {room}")
        case "leave" if is_in:
            manager.leave(connection, room)
            model.rooms[index].discard(room)
            model.send(index, f"left {room}")
        case "close":
            connection.close(4003)
            model.ends(index, "closed")
        case "fail":
            client.fail_writes()
            model.ends(index, "failed")
        case _:
            pass


def in_one_turn(hub: HubForTests, action: Callable[[], None]) -> None:
    """Run ``action`` and what is due, but not what that puts off to the next turn of the loop."""
    hub.loop.call_soon(action)
    hub.loop.call_soon(hub.loop.stop)
    hub.loop.run_forever()


def of_room(events: list[Expected], room: str) -> list[Expected]:
    """What must be in order with the events of one room: they, and what was sent to the connection alone."""
    return [event for event in events if event[0] in (room, None)]


@given(steps=STEPS, writes_per_turn=st.sampled_from([1, 2, 3, 5, 1000]))
def test_every_member_receives_each_event_once_and_in_order(
    steps: list[tuple[str, int, str]], writes_per_turn: int
) -> None:
    with HubForTests() as hub:
        hub.manager.fanout = Fanout(writes_per_turn)
        clients = [
            hub.connect(f"user-{index % 4}", subprotocols=(FORMATS[index % 2],)) for index in range(MEMBERS)
        ]
        model = Model([client.connection for client in clients])
        for client in clients:
            client.take()
        turn: list[tuple[int, tuple[str, int, str]]] = []

        def run_turn() -> None:
            for number, step in turn:
                apply(hub, clients[step[1]], model, number, step)
            turn.clear()

        for number, step in enumerate(steps):
            if step[0] == "turn":
                in_one_turn(hub, run_turn)
            elif step[0] == "vanish":
                in_one_turn(hub, run_turn)
                model.ends(step[1], "vanished")
                clients[step[1]].vanish()
            else:
                turn.append((number, step))
        in_one_turn(hub, run_turn)
        hub.settle()

        for client, connection, expected, fate in zip(
            clients, model.connections, model.expected, model.fate, strict=True
        ):
            actual = [received(event) for event in client.events]
            for name in ROOMS:
                wanted, got = of_room(expected, name), of_room(actual, name)
                assert got == (wanted[: len(got)] if fate == "failed" else wanted)
            if fate == "failed":
                assert len(actual) == len(expected) or not connection.is_open
            else:
                assert len(actual) == len(expected)
                assert connection.is_open == (fate == "open")


def text_of(client: ClientForTests) -> list[str]:
    return [event["content"] for event in client.take("message")]


@pytest.mark.parametrize("writes_per_turn", [1, 3, 7, 1000])
def test_a_big_room_is_written_in_slices_that_keep_the_order(writes_per_turn: int) -> None:
    with HubForTests({"chat": {}}) as hub:
        hub.manager.fanout = Fanout(writes_per_turn)
        clients = [hub.connect(f"user-{index}") for index in range(20)]
        sender = clients[3].connection
        was_sliced = False

        def publish(number: int) -> None:
            hub.manager.publish("lobby", Message(content=str(number)))
            sender.send(Message(content=f"only you {number}"))

        for number in range(10):
            in_one_turn(hub, lambda number=number: publish(number))
            was_sliced |= len({len(client.events) for client in clients if client is not clients[3]}) > 1
        assert was_sliced == (writes_per_turn < len(clients))
        hub.settle()
        for client in clients:
            expected = [str(number) for number in range(10)]
            if client is clients[3]:
                expected = [text for number in expected for text in (number, f"only you {number}")]
            assert text_of(client) == expected


def test_one_turn_writes_no_more_than_it_may() -> None:
    with HubForTests({"chat": {}}) as hub:
        hub.manager.fanout = Fanout(writes_per_turn=4)
        clients = [hub.connect(f"user-{index}") for index in range(10)]
        for client in clients:
            client.take()
        counts: list[int] = []
        in_one_turn(hub, lambda: publish_one(hub))
        for _ in range(5):
            in_one_turn(hub, lambda: None)
            counts.append(sum(len(client.events) for client in clients))
        differences = [after - before for before, after in zip([0, *counts], counts, strict=False)]
        assert max(differences) <= 4
        assert counts[-1] == 10


def test_what_is_sent_to_one_member_between_two_slices_follows_the_event_that_all_get_once() -> None:
    with HubForTests({"chat": {}}) as hub:
        hub.manager.fanout = Fanout(writes_per_turn=4)
        clients = [hub.connect(f"user-{index}") for index in range(10)]
        for client in clients:
            client.take()
        in_one_turn(hub, lambda: publish_one(hub))
        in_one_turn(hub, lambda: None)
        served = [bool(client.events) for client in clients]
        assert any(served)
        assert not all(served)

        def send_to_each() -> None:
            for client in clients:
                client.connection.send(Message(content="only you"))

        in_one_turn(hub, send_to_each)
        hub.settle()
        assert [text_of(client) for client in clients] == [["hello", "only you"]] * len(clients)


def test_a_small_room_does_not_wait_for_a_slice_of_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    flush = Room.flush

    def noted_flush(room: Room, budget: int) -> int:
        flushed.append(room.name)
        return flush(room, budget)

    monkeypatch.setattr(Room, "flush", noted_flush)
    with HubForTests({"chat": {}}) as hub:
        hub.manager.fanout = Fanout(writes_per_turn=4)
        for index in range(20):
            hub.connect(f"user-{index}")
        apart = hub.connect("apart", room="garden")
        hub.settle()
        flushed.clear()
        in_one_turn(hub, lambda: publish_one(hub))
        in_one_turn(hub, lambda: publish_one(hub, "garden"))
        in_one_turn(hub, lambda: None)
        assert flushed[0] == "lobby"
        assert flushed[-2:] == ["garden", "lobby"]
        assert text_of(apart) == ["hello"]


def test_a_large_room_goes_on_however_busy_the_small_ones_are() -> None:
    with HubForTests({"chat": {}}) as hub:
        hub.manager.fanout = Fanout(writes_per_turn=4)
        crowd = [hub.connect(f"user-{index}") for index in range(20)]
        for index in range(10):
            hub.connect(f"apart-{index}", room=f"room-{index}")
        for client in crowd:
            client.take()

        def publish_everywhere() -> None:
            for index in range(10):
                publish_one(hub, f"room-{index}")

        in_one_turn(hub, lambda: publish_one(hub))
        for _ in range(40):
            in_one_turn(hub, publish_everywhere)
        assert all(text_of(client) == ["hello"] for client in crowd)


def publish_one(hub: HubForTests, room: str = "lobby") -> None:
    hub.manager.publish(room, Message(content="hello"))


def test_what_is_published_in_one_turn_is_written_at_once() -> None:
    with HubForTests({"chat": {}}) as hub:
        alice = hub.connect("alice")
        connection = alice.connection
        writes: dict[int, int] = defaultdict(int)

        def publish() -> None:
            for number in range(10):
                hub.manager.publish("lobby", Message(content=str(number)))
            writes[len(alice.take("message"))] += 1

        in_one_turn(hub, publish)
        hub.settle()
        assert writes == {0: 1}
        assert text_of(alice) == [str(number) for number in range(10)]
        assert connection.is_open
