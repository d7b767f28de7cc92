"""A person's connection over a socket."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from ..end_to_end.client import Client, Fields
from .model import Place

numbers = count(1)


class SocketLine:
    """To rooms in whose names is a prefix that the model knows nothing of."""

    def __init__(
        self, url: str, prefix: str, user: str, room: str, place: Place | None, guest_keys: dict[str, str]
    ) -> None:
        """``guest_keys`` proves who somebody is who was here before; it is kept up to date."""
        query = {"user": user, **({} if place is None else place._asdict())}
        if user in guest_keys:
            query["guest_key"] = guest_keys[user]
        self.close_code: int | None = None
        self._prefix = prefix
        self._heard: list[Fields] = []
        self._has_ended = False
        self._client = Client(f"{url}/{prefix}{room}?{urlencode(query)}", max_queue=None)
        welcome = self._client.receive()
        guest_keys[user] = str(welcome["guest_key"])

    def send(self, event: dict[str, Any], /) -> None:
        room = {"room": self._prefix + event["room"]} if "room" in event else {}
        self._client.send(**{**event, **room})

    def take(self) -> list[Fields]:
        self.settle()
        heard, self._heard = self._heard, []
        return heard

    def settle(self) -> None:
        """Wait until everything is answered that was sent."""
        if self._has_ended:
            return
        id_ = f"settled-{next(numbers)}"
        try:
            self._client.send(type="ping", id=id_)
            while (event := self._client.receive()).get("id") != id_ or event["type"] != "ack":
                self._hear(event)
        except ConnectionClosed:
            self._has_ended, self.close_code = True, self._client.close_code()

    def read_to_the_end(self) -> None:
        """Take what the server has sent before it ended, as it was told to."""
        self._has_ended = True
        try:
            while True:
                self._hear(self._client.receive())
        except ConnectionClosed:
            pass

    def _hear(self, event: Fields) -> None:
        if event["type"] == "pong":
            return
        if "room" in event:
            event["room"] = str(event["room"]).removeprefix(self._prefix)
        self._heard.append(event)

    def close(self) -> None:
        self._client.close()

    def vanish(self) -> None:
        self._client.vanish()
