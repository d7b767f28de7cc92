"""A hub with chat, its extras and a history, whose visitors are who the test says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar

from hubbub.core import Handshake, Identity, Message, Plugin, PluginConfig, RoomEvent, hookimpl
from hubbub.core.loader import PluginClass
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.chat_extras import ChatExtras
from hubbub.protocol import Json
from msgspec import json

numbers = count(1)


class Door(Plugin[PluginConfig]):
    """Knows people by what they show as their token, and leaves others to come in as guests."""

    people: ClassVar[dict[str, Identity]] = {}

    @hookimpl
    def authenticate(self, handshake: Handshake) -> Identity | None:
        return self.people.get(handshake.token or "")


class ExtrasHub(HubForTests):
    def __init__(
        self,
        *,
        others: Mapping[str, object] | None = None,
        plugins: Mapping[str, PluginClass] | None = None,
        people: Mapping[str, Identity] | None = None,
        rooms: Mapping[str, object] | None = None,
        history: Mapping[str, object] | None = None,
        **options: object,
    ) -> None:
        """``options`` are those of chat_extras, ``others`` other plugins, ``people`` those that a door knows."""
        classes, enabled = dict(plugins or {}), dict(others or {})
        if people is not None:
            classes["door"] = type("TheDoor", (Door,), {"people": dict(people)})
            enabled["door"] = {}
        enabled |= {"chat": {}, "history": dict(history or {}), "chat_extras": options}
        super().__init__(enabled, plugins=classes, rooms=dict(rooms or {}))

    def enter(self, token: str, room: str = "") -> ClientForTests:
        """Connect as whom the door knows by this token."""
        return self.connect(room=room, query={"token": token})

    def forget(self) -> None:
        """Let the plugin know no more than after a restart."""
        extras = self.hub.plugins["chat_extras"]
        assert isinstance(extras, ChatExtras)
        extras.shutdown()
        extras.startup()

    def at_once(self, *sent: tuple[ClientForTests, Mapping[str, Json]]) -> None:
        """Let clients send before the server has dealt with what the first of them sent."""
        for client, event in sent:
            session, frame = client.connection.session, json.encode(event)
            self.loop.call_soon(lambda session=session, frame=frame: session.receive(frame, is_text=True))
        self.settle()

    def publish(self, event: RoomEvent, room: str = "lobby") -> None:
        """Publish as other code does, past the checks."""

        async def publish() -> None:
            await self.manager.publish(room, event)

        self.run(publish())

    def publish_old(self, user: str, content: str, *, seconds: float | None, room: str = "lobby") -> None:
        """Let a message be in the history that was said some time ago, or nobody knows when."""
        said = None if seconds is None else datetime.now(UTC) - timedelta(seconds=seconds)
        self.publish(Message(user=user, content=content, timestamp=said), room)


def error(client: ClientForTests, event: Mapping[str, Json]) -> dict[str, object] | None:
    """The refusal of an event; None where it is carried out."""
    client.take()
    id_ = f"asked-{next(numbers)}"
    client.send({**event, "id": id_})
    for answer in client.take():
        if answer.get("id") == id_ and answer["type"] in ("ack", "error"):
            return answer if answer["type"] == "error" else None
    raise AssertionError("no answer has come")


def code(client: ClientForTests, event: Mapping[str, Json]) -> object:
    """The code of the refusal of an event; None where it is carried out."""
    refusal = error(client, event)
    return None if refusal is None else refusal["code"]


def seq_of(client: ClientForTests, content: Json, **fields: Json) -> int:
    """Say something, and return the number that it got."""
    id_ = f"said-{next(numbers)}"
    client.say(content, id=id_, **fields)
    return int(client.receive("ack", id=id_)["seq"])


def edit(of: int, content: Json = "edited") -> dict[str, Json]:
    return {"type": "edit", "of": of, "content": content}


def delete(of: int) -> dict[str, Json]:
    return {"type": "delete", "of": of}


def reaction(of: int, emoji: str = "👍", *, removed: bool = False) -> dict[str, Json]:
    return {"type": "reaction", "of": of, "emoji": emoji, **({"removed": True} if removed else {})}
