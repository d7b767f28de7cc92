"""What one client knows of one of its rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

BREAK = 0
"""Stands for a message's number where something may be missing, as the client was told."""


class Notice(NamedTuple):
    """That somebody came or went."""

    user: str
    event: str
    reason: str | None


class Seat:
    """A client's place in a room: how far it has heard, what it has said, and what became of that."""

    def __init__(self, owner: str, room: str) -> None:
        self.owner = owner
        self.room = room
        self.is_joined = False
        self.epoch: str | None = None
        self.seen = 0
        """The number of the last message; without history, how many there were."""
        self.first: int | None = None
        """The number before the first message that it was to get."""
        self.due = 0
        """What had been published when it came in."""
        self.heard: list[tuple[int, str]] = []
        """Each message with its number, in the order in which it came; `BREAK` where something may be missing."""
        self.unanswered: dict[str, bytes] = {}
        self.acknowledged: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        """What was not sent again, with what the server said."""
        self.notices: list[Notice] = []
        self.probes: set[str] = set()
        """Who was heard of since the last `forget_probes`, of those who said that they can talk again."""
        self.complaints: list[str] = []

    def __repr__(self) -> str:
        here = "in" if self.is_joined else "not in"
        return (
            f"<{self.owner}: {here} {self.room}, at {self.seen} of {self.due}, waits for {len(self.unanswered)}>"
        )

    @property
    def is_up_to_date(self) -> bool:
        """Whether it is in the room, and has got what had been published when it came in."""
        return self.is_joined and self.seen >= self.due

    def query(self) -> dict[str, str | int]:
        """What it says about itself to be given what it has missed."""
        return {} if self.epoch is None else {"epoch": self.epoch, "since": self.seen}

    def joined(self, event: Mapping[str, Any]) -> bool:
        """Take its place. False where the server does not know where the room stands: it must come again."""
        if self.epoch is not None and "epoch" not in event:
            return False
        if "epoch" in event:
            if self.epoch is not None and not event["recovered"]:
                self._complain(f"was not given what it had missed since {self.seen}: {event}")
            if self.epoch is None or not event["recovered"]:
                self.seen = event["seq"]
            self.epoch, self.due = event["epoch"], event["seq"]
            if self.first is None:
                self.first = self.seen
        self.is_joined = True
        return True

    def went(self) -> None:
        """Lose its place for now."""
        self.is_joined = False
        if self.epoch is None:
            self.heard.append((BREAK, "away"))

    def message(self, event: Mapping[str, Any]) -> None:
        """Hear something."""
        content: str = event["content"]
        seq: int = event["seq"] if self.epoch is not None else self.seen + 1
        if seq != self.seen + 1:
            self._complain(f"got {seq} after {self.seen}")
        self.seen = seq
        self.heard.append((seq, content))
        if content.startswith("probe:"):
            self.probes.add(speaker(content))

    def gap(self, event: Mapping[str, Any]) -> None:
        """Be told that something is missing."""
        if self.epoch is not None:
            self._complain(f"was told of a gap: {event}")
        self.heard.append((BREAK, "gap"))

    def news(self, event: Mapping[str, Any]) -> None:
        """Be told of others, or that the numbers begin anew."""
        if event["event"] in ("joined", "left"):
            for user in event.get("users", [event["user"]]):
                self.notices.append(Notice(user, event["event"], event.get("reason")))
        elif event["event"] == "renewed":
            self._complain(f"was told that the history begins anew: {event}")
            self.epoch, self.seen = event["epoch"], event["seq"]

    def ack(self, id_: str, seq: int) -> None:
        """Be told that something is out, perhaps once more."""
        if self.acknowledged.setdefault(id_, seq) != seq:
            self._complain(f"got the number {seq} for {id_}, which had {self.acknowledged[id_]}")
        if self.unanswered.pop(id_, None) is None and self.epoch is None:
            self._complain(f"got an ack for {id_}, to which it had an answer")

    def _complain(self, what: str) -> None:
        self.complaints.append(f"{self.owner} in {self.room} {what}")


def speaker(content: str) -> str:
    """Who has said it."""
    return content.split(":")[1] if content.startswith("probe:") else content.rpartition("-")[0]
