import pytest
from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.testing import ClientForTests, HubForTests

from .moody import MoodyStore

KEEP: dict[str, object] = {"keep": 3, "seconds": 3600}


class Members(Plugin[PluginConfig]):
    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return Identity(handshake.token) if handshake.token else None


def serve(private: dict[str, object], **plugins: object) -> HubForTests:
    enabled = {"members": {}, "chat": {}, "history": {"store": "moody", "private": private}}
    return HubForTests(enabled, plugins={"members": Members})


def member(hub: HubForTests, user: str, *, can_ping: bool = True) -> ClientForTests:
    return hub.connect(query={"token": user}, can_ping=can_ping)


def write(client: ClientForTests, to: str, content: str, id_: str | None = None) -> None:
    client.send({"type": "private", "to": to, "content": content, "id": id_ or content})


def letters(client: ClientForTests) -> list[str]:
    return [event["content"] for event in client.take("private")]


def test_nothing_is_kept_unless_the_config_says_so(store: MoodyStore) -> None:
    with serve({}) as hub:
        alice = member(hub, "alice")
        write(alice, "bob", "hello")
        assert alice.receive("error")["code"] == "user_offline"
        assert letters(alice) == []


def test_what_was_kept_is_given_out_once_oldest_first_before_anything_else(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        alice = member(hub, "alice")
        for text in ("one", "two", "three"):
            write(alice, "bob", text)
        assert [ack["id"] for ack in alice.take("ack")] == ["one", "two", "three"]
        assert letters(alice) == ["one", "two", "three"]
        bob = member(hub, "bob")
        assert [event["type"] for event in bob.events[:2]] == ["system", "private"]
        private = bob.events[1]
        assert (private["user"], private["to"], "id" in private) == ("alice", "bob", False)
        assert letters(bob) == ["one", "two", "three"]
        hub.advance(1)
        bob.close()
        assert letters(member(hub, "bob")) == []


def test_it_outlives_the_server(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        write(member(hub, "alice"), "bob", "hello")
    with serve(KEEP) as hub:
        assert letters(member(hub, "bob")) == ["hello"]


def test_who_is_gone_before_answering_gets_it_again(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        write(member(hub, "alice"), "bob", "hello")
        bob = member(hub, "bob")
        bob.fall_silent()
        bob.vanish()
        assert letters(member(hub, "bob")) == ["hello"]


def test_where_there_are_no_ping_frames_whatever_comes_is_an_answer(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        write(member(hub, "alice"), "bob", "hello")
        bob = member(hub, "bob", can_ping=False)
        hub.advance(60)
        bob.close()
        again = member(hub, "bob", can_ping=False)
        assert letters(again) == ["hello"]
        hub.advance(1)
        again.send({"type": "pong"})
        hub.advance(1)
        again.close()
        assert letters(member(hub, "bob")) == []


def test_when_the_box_is_full_the_sender_is_told(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        alice = member(hub, "alice")
        for number in range(4):
            write(alice, "bob", str(number))
        error = alice.receive("error")
        assert (error["code"], error["id"]) == ("user_offline", "3")
        assert "as many messages waiting as may wait" in error["message"]
        assert letters(member(hub, "bob")) == ["0", "1", "2"]


def test_a_message_that_is_sent_again_is_kept_once(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        write(member(hub, "alice"), "bob", "hello", "1")
    with serve(KEEP) as hub:
        alice = member(hub, "alice")
        write(alice, "bob", "hello", "1")
        assert alice.receive("ack")["id"] == "1"
        assert letters(member(hub, "bob")) == ["hello"]


@pytest.mark.parametrize("guests", [False, True])
def test_a_guest_gets_what_was_kept_only_if_the_config_says_so(store: MoodyStore, guests: bool) -> None:
    with serve({**KEEP, "guests": guests}) as hub:
        write(member(hub, "alice"), "bob", "hello")
        bob = hub.connect("bob")
        assert bob.connection.identity.is_guest
        assert letters(bob) == (["hello"] if guests else [])


def test_while_the_store_is_away_nothing_is_acknowledged(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        alice = member(hub, "alice")
        store.is_away = True
        write(alice, "bob", "hello")
        assert alice.receive("error")["code"] == "unavailable"
        assert letters(alice) == []


def test_nobody_can_enter_the_box_as_a_room(store: MoodyStore) -> None:
    with serve(KEEP) as hub:
        write(member(hub, "alice"), "bob", "hello")
        mallory = member(hub, "mallory")
        mallory.send({"type": "join", "room": "private messages for bob", "id": "j"})
        assert mallory.receive("error")["code"] == "invalid"
