"""The store lost the newest events, as a replica that was behind and became the master: no number means two."""

from __future__ import annotations

from time import time

from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.history.store import Retention

from ..plugins.recording.moody import MoodyStore
from .sharing import Servers, heard


def fail_over(hub: HubForTests, store: MoodyStore, client: ClientForTests) -> str:
    """Let three events be heard, and the store know the first alone; return the epoch."""
    epoch = client.receive("system", event="joined")["epoch"]
    for text in ("kept", "lost", "lost, too"):
        client.say(text)
    hub.advance(1)

    async def lose() -> None:
        kept = (await store.read("lobby", 0, 1))[0].event
        await store.forget("lobby")
        await store.restore("lobby", epoch, 0, now=time())
        await append(store, kept)

    hub.run(lose())
    return epoch


async def append(store: MoodyStore, event: bytes) -> None:
    await store.append_next("lobby", event, key=None, time=time(), retention=Retention(100))


def test_what_is_published_as_soon_as_the_broker_is_back_has_numbers_of_a_new_epoch(
    servers: Servers, store: MoodyStore
) -> None:
    one = servers.start()
    alice = one.connect("alice")
    epoch = fail_over(one, store, alice)
    one.run(servers.brokers[0].cut())
    one.run(servers.brokers[0].mend())
    alice.say("anew", id="1")
    alice.say("and more", id="2")
    one.advance(1)
    assert alice.receive("system", event="renewed")["epoch"] != epoch
    assert heard(alice)[3:] == [(2, "anew"), (3, "and more")]


def test_numbers_that_were_given_twice_are_found_out_by_what_they_stand_for(
    servers: Servers, store: MoodyStore
) -> None:
    one = servers.start()
    alice = one.connect("alice")
    epoch = fail_over(one, store, alice)

    async def publish_elsewhere() -> None:
        for number in range(3):
            await append(store, b'{"type":"message","content":%d}' % number)

    one.run(publish_elsewhere())
    one.run(servers.brokers[0].cut())
    one.run(servers.brokers[0].mend())
    one.advance(1)
    assert alice.receive("system", event="renewed")["epoch"] != epoch
    alice.say("anew")
    one.advance(1)
    assert heard(alice)[3:] == [(5, "anew")]


def test_publishing_does_not_wait_long_for_what_was_missed(servers: Servers, store: MoodyStore) -> None:
    one = servers.start()
    alice = one.connect("alice")
    alice.say("one")
    one.advance(1)
    store.seconds = 60.0
    one.run(servers.brokers[0].cut())
    one.run(servers.brokers[0].mend())
    alice.say("refused", id="1")
    one.advance(3)
    assert alice.receive("error", id="1")["code"] == "unavailable"
