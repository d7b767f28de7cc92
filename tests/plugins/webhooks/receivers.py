"""Receivers for the tests of webhooks: one in memory, and a way to switch the plugin on with it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, cast

from hubbub.core.testing import HubForTests
from hubbub.plugins.webhooks import Webhooks
from hubbub.plugins.webhooks.delivery import Receiver
from hubbub.plugins.webhooks.endpoint import Answer
from hubbub.plugins.webhooks.payload import Batch

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
URL = "https://example.com/hooks/path-that-nobody-may-know"

ACCEPTED = Answer("accepted", "it answered 200")
FAILED = Answer("failed", "it answered 500")
REFUSED = Answer("refused", "it answered 404")
NO_ANSWER = None
"""The receiver hangs."""

Told = dict[str, Any]


class ReceiverInMemory:
    """Gives the answers that it was made with, then accepts everything."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers = deque(answers)
        self.attempts: list[Batch] = []
        self.times: list[float] = []
        self.accepted: list[Batch] = []
        self.is_closed = False

    async def post(self, batch: Batch) -> Answer:
        self.attempts.append(batch)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answers.popleft() if self.answers else ACCEPTED
        if answer is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("unreachable")
        if answer.verdict == "accepted":
            self.accepted.append(batch)
        return answer

    async def close(self) -> None:
        self.is_closed = True

    @property
    def bodies(self) -> list[Told]:
        """What was accepted, a body for each batch."""
        return [cast(Told, json.loads(batch.body)) for batch in self.accepted]

    @property
    def events(self) -> list[Told]:
        """The events of all accepted batches."""
        return [event for body in self.bodies for event in body["events"]]

    @property
    def waits(self) -> list[float]:
        """Seconds between one attempt and the next."""
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def hub_with(
    receiver: Receiver,
    *,
    others: dict[str, object] | None = None,
    sections: dict[str, Any] | None = None,
    **options: object,
) -> HubForTests:
    """A server with chat and webhooks for ``receiver``; ``others`` are plugins before them."""

    class WithReceiver(Webhooks):
        def receiver(self) -> Receiver:
            return receiver

    enabled = {"chat": {}, **(others or {}), "webhooks": {"url": URL, "secret": SECRET, **options}}
    return HubForTests(enabled, plugins={"webhooks": WithReceiver}, **(sections or {}))


def webhooks_of(hub: HubForTests) -> Webhooks:
    """The plugin under test."""
    plugin = hub.hub.plugins["webhooks"]
    assert isinstance(plugin, Webhooks)
    return plugin


def messages(receiver: ReceiverInMemory) -> list[list[str]]:
    """What was said in the messages of each batch that was accepted."""
    return [[event["event"]["content"] for event in body["events"]] for body in receiver.bodies]
