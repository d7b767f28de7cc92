"""A hub whose visitors are who the test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hubbub.core import Handshake, Identity, Plugin, PluginConfig, hookimpl
from hubbub.core.loader import PluginClass
from hubbub.core.testing import ClientForTests, HubForTests

PEOPLE = {
    "alice": Identity("alice"),
    "bob": Identity("bob"),
    "staff": Identity("sue", groups=frozenset({"staff"})),
    "guest": Identity("alice", "guest"),
}


class Door(Plugin[PluginConfig]):
    """Knows people by what they show as their token, and leaves others to come in as guests."""

    people: ClassVar[dict[str, Identity]] = {}

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return self.people.get(handshake.token or "")


class PermissionsHub(HubForTests):
    """A hub with chat, presence, permissions and a door."""

    def __init__(
        self,
        rooms: Mapping[str, object] | None = None,
        *,
        people: Mapping[str, Identity] = PEOPLE,
        plugins: Mapping[str, PluginClass] | None = None,
        **options: object,
    ) -> None:
        """``rooms`` are the rules; absent, those of the plugin's default hold."""
        self.door: type[Door] = type("TheDoor", (Door,), {"people": dict(people)})
        rules = {} if rooms is None else {"rooms": rooms}
        classes: dict[str, PluginClass] = {"door": self.door, **(plugins or {})}
        enabled = {"chat": {}, "presence": {}, "permissions": {**rules, **options}}
        super().__init__({**{name: {} for name in classes}, **enabled}, plugins=classes)

    def enter(self, token: str | None, room: str = "lobby") -> ClientForTests:
        """Connect as whom the door knows by this token; None: as a guest."""
        return self.connect(room=room, query={} if token is None else {"token": token})

    def refresh(self, client: ClientForTests, identity: Identity) -> None:
        """Let a client come with new credentials, which say this."""
        self.door.people["new"] = identity
        client.send({"type": "refresh", "token": "new"})


def is_let_in(hub: PermissionsHub, token: str | None, room: str) -> bool:
    """Whether somebody may enter a room: by the URL and by an event alike."""
    by_url, elsewhere = hub.enter(token, room), hub.enter(token, "open")
    elsewhere.send({"type": "join", "room": room, "id": "j"})
    answers = {event["type"] for event in elsewhere.take() if event.get("id") == "j"}
    assert answers == ({"ack"} if by_url.close_code is None else {"error"})
    assert by_url.close_code in (None, 4003)
    by_url.close()
    elsewhere.close()
    return answers == {"ack"}


def refusal(client: ClientForTests, event: Mapping[str, object] | None = None) -> str | None:
    """What the server says against an event, a message unless another is given; None where it is carried out."""
    client.take()
    client.send({**({"type": "message", "content": "hi"} if event is None else event), "id": "x"})  # type: ignore[dict-item]
    for answer in client.take():
        if answer.get("id") == "x" and answer["type"] in ("ack", "error"):
            return answer.get("message")
    raise AssertionError("no answer has come")
