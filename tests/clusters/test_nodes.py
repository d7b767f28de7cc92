"""`hubbub nodes` hears of every server, and no server takes it for one."""

from __future__ import annotations

import pytest
from hubbub.core.cluster_messages import Alive
from hubbub.core.nodes_command import Observer, observe, table
from hubbub.core.testing import HubForTests

from .bus import Bus, BusBroker


def test_an_observer_hears_of_every_server_and_is_none_itself() -> None:
    bus = Bus()
    with HubForTests(broker=BusBroker(bus)) as one, HubForTests(broker=BusBroker(bus), beside=one) as two:
        one.connect("alice")
        observer = Observer(one.hub.codec.types)
        one.run(observe(BusBroker(bus), observer))
        names = {one.manager.cluster.node, two.manager.cluster.node}
        assert observer.alive.keys() == names
        assert observer.alive[one.manager.cluster.node].connections == 1
        assert two.manager.cluster.peers.keys() == {one.manager.cluster.node}


def test_a_server_that_goes_while_it_is_listened_to_is_not_listed() -> None:
    bus = Bus()
    observer = Observer({})
    with HubForTests(broker=BusBroker(bus)) as one:
        broker = BusBroker(bus)
        broker.start(observer, "observer")
        with HubForTests(broker=BusBroker(bus), beside=one) as two:
            one.advance(2)
            assert len(observer.alive) == 2
            gone = two.manager.cluster.node
        one.advance(0.1)
        assert gone not in observer.alive
        broker.stop()


def test_what_cannot_be_read_is_left() -> None:
    observer = Observer({})
    observer.hear(b"\xc1")
    assert not observer.alive


@pytest.mark.parametrize(
    ("seconds", "shown"), [(5, "5 s"), (-1, "0 s"), (60, "1 min"), (3661, "1 h 01 m"), (200_000, "2 d")]
)
def test_the_table_says_for_how_long_a_server_is_up(seconds: float, shown: str) -> None:
    lines = table({"one": Alive("one", 0, 1000.0, 12, 3)}, 1000.0 + seconds).splitlines()
    assert lines[1].split(maxsplit=1)[1].split("  ")[0].strip() == shown
    assert lines[1].split()[-2:] == ["12", "3"]
    assert len(lines) == 2


def test_where_nobody_is_heard_the_table_says_what_may_be_wrong() -> None:
    assert "the same prefix" in table({}, 0.0)
