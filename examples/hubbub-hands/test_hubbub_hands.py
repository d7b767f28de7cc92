from hubbub.core.testing import HubForTests
from hubbub_hands import Hands


def hub_with_hands(**options: object) -> HubForTests:
    return HubForTests({"chat": {}, "hands": options}, plugins={"hands": Hands})


def test_a_raised_hand_is_shown_to_the_room() -> None:
    with hub_with_hands() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.send({"type": "hand", "up": True, "id": "1"})
        assert bob.receive("hand")["user"] == "alice"
        assert alice.receive("ack", id="1")


def test_the_hand_of_somebody_who_vanishes_goes_down() -> None:
    with hub_with_hands() as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.send({"type": "hand", "up": True})
        alice.vanish()
        assert bob.receive("hand", up=False)["user"] == "alice"


def test_one_hand_too_many_is_refused_until_another_goes_down() -> None:
    with hub_with_hands(limit=1) as hub:
        alice, bob = hub.connect("alice"), hub.connect("bob")
        alice.send({"type": "hand", "up": True})
        bob.send({"type": "hand", "up": True})
        assert bob.receive("error")["code"] == "too_many_hands"
        alice.send({"type": "hand", "up": False})
        bob.send({"type": "hand", "up": True})
        assert alice.receive("hand", user="bob")["up"] is True


def test_a_hand_without_up_is_refused_with_an_example() -> None:
    with hub_with_hands() as hub:
        alice = hub.connect("alice")
        alice.send({"type": "hand"})
        assert alice.receive("error", path="up")["example"] == {"type": "hand", "up": True}
