"""What people are promised who publish, drop, and come back: whatever they are told is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

Received = Mapping[str, Any]

ID_WINDOW = 300.0
"""Seconds in which the same id is the same publication, as `server.id_window` is by default."""


class Line(Protocol):
    """A person's connection."""

    @property
    def close_code(self) -> int | None: ...

    def send(self, event: dict[str, Any], /) -> None: ...

    def take(self) -> list[Any]:
        """What has come since the last time."""
        ...

    def close(self) -> None: ...

    def vanish(self) -> None: ...


class Said:
    """Something that a person has sent to a room, once or more often."""

    def __init__(self, user: str, room: str, content: int, id_: str | None, now: float) -> None:
        self.user = user
        self.room = room
        self.content = content
        self.id = id_
        self.begun = now
        self.connection = 0
        """On which of its sender's it was sent first."""
        self.times = 0
        self.seq: int | None = None
        """Under which it was acknowledged."""
        self.may_be_there_twice = False


class Place(NamedTuple):
    """From where somebody wants to go on."""

    epoch: str
    since: int


class Room:
    """What people were told of a room, which must be the same for all of them."""

    def __init__(self, name: str, keep: int, max_recovered: int) -> None:
        self.name = name
        self.keep = keep
        self.max_recovered = max_recovered
        self.epoch: str | None = None
        self.contents: dict[int, int] = {}
        """What was said, by its number."""
        self.sent: dict[int, Said] = {}
        """Everything that was ever sent here, by its content."""
        self.most = 0
        """How many events there may be at most."""
        self._may_be_stored: dict[int, int] = {}
        """How often, by its content."""

    def is_sent(self, said: Said) -> None:
        """A server may store this, unless it has it."""
        before = self._may_be_stored.get(said.content, 0)
        if not before or said.id is None or said.may_be_there_twice:
            self._may_be_stored[said.content] = before + 1
            self.most += 1

    def is_at(self, seq: int, content: int) -> None:
        """Somebody was told so."""
        assert content in self.sent, f"nobody has said {content} in {self.name}"
        assert seq >= 1
        assert self.contents.setdefault(seq, content) == content, f"{seq} of {self.name} is not the same for all"
        others = [other for other, said in self.contents.items() if said == content and other != seq]
        assert not others or self.sent[content].may_be_there_twice, f"{content} is {seq} and {others}"

    def has_epoch(self, epoch: str) -> None:
        """Somebody was told so; nothing was ever lost, so that it stays the same."""
        self.epoch = self.epoch or epoch
        assert epoch == self.epoch, f"{self.name} has another epoch than before"

    def was_forgotten(self) -> None:
        """The server kept it in memory, and has ended."""
        for said in self.sent.values():
            said.seq = None
        self.epoch, self.contents, self._may_be_stored, self.most = None, {}, {}, 0

    def check_order(self) -> None:
        """What one connection has sent, once each, was published in that order."""
        for said_by_one in self._sent_once().values():
            seqs = [seq for content in said_by_one for seq, other in self.contents.items() if other == content]
            assert seqs == sorted(seqs), f"{said_by_one} are {seqs} of {self.name}"

    def _sent_once(self) -> dict[tuple[str, int], list[int]]:
        by_connection: dict[tuple[str, int], list[int]] = {}
        for said in self.sent.values():
            if said.times == 1:
                by_connection.setdefault((said.user, said.connection), []).append(said.content)
        return by_connection


class Person:
    """Somebody who says things, loses connections, and comes back; checks everything that is heard."""

    def __init__(self, name: str, rooms: Mapping[str, Room]) -> None:
        self.name = name
        self.line: Line | None = None
        self.said: list[Said] = []
        self.places: dict[str, Place] = {}
        """How far this person has come in each room, in all."""
        self.next: dict[str, int | None] = {}
        """Which number comes next, in the rooms where this person is; None: any."""
        self.unanswered: dict[str, list[Said | None]] = {}
        """What was sent on this connection and not answered yet, by its id."""
        self._connections = 0
        self.must_be_told = True
        """Whether the server has no excuse for not knowing where a room stands."""
        self._rooms = rooms
        self._joining: dict[str, tuple[str, Place | None]] = {}
        """The room and the place of each join that was not answered yet, by its id; that of the URL has none."""

    # What this person does

    def connected(self, line: Line, room: str, place: Place | None) -> None:
        self.line = line
        self._connections += 1
        self.next, self.unanswered, self._joining = {}, {}, {"": (room, place)}

    def is_in(self, room: str) -> bool:
        """Whether this person is in a room, or will be once the server has caught up with what it was sent."""
        return self.line is not None and (
            room in self.next or any(name == room for name, _ in self._joining.values())
        )

    def join(self, room: str, place: Place | None, id_: str) -> None:
        assert self.line is not None
        self._joining[id_] = room, place
        self._expect_answer(id_)
        resume = {} if place is None else place._asdict()
        self.line.send({"type": "join", "room": room, "id": id_, **resume})

    def leave(self, room: str, id_: str) -> None:
        assert self.line is not None
        self._expect_answer(id_)
        self.line.send({"type": "leave", "room": room, "id": id_})

    def say(self, said: Said, now: float) -> None:
        """For the first time, or again."""
        assert self.line is not None
        if said.times == 0:
            said.connection = self._connections
            self.said.append(said)
            self._rooms[said.room].sent[said.content] = said
        elif now - said.begun >= ID_WINDOW:
            said.may_be_there_twice = True
        said.times += 1
        self._rooms[said.room].is_sent(said)
        event: dict[str, Any] = {"type": "message", "room": said.room, "content": said.content}
        if said.id is not None:
            event["id"] = said.id
            self._expect_answer(said.id, said)
        self.line.send(event)

    def ask_back(self, room: str, before: int | None, id_: str) -> None:
        assert self.line is not None
        self._expect_answer(id_)
        query: dict[str, Any] = {"type": "history", "room": room, "id": id_}
        self.line.send(query if before is None else {**query, "before": before})

    def _expect_answer(self, id_: str, said: Said | None = None) -> None:
        self.unanswered.setdefault(id_, []).append(said)

    @property
    def is_waiting(self) -> bool:
        """Whether this person is connected, and something has not been answered yet."""
        return self.line is not None and bool(self._joining or any(self.unanswered.values()))

    def gone(self) -> None:
        """The connection has ended, and nothing more is known of what was under way."""
        self.line, self.next = None, {}

    # What this person hears

    def listen(self) -> None:
        if self.line is None:
            return
        for event in self.line.take():
            match event["type"]:
                case "system":
                    self._news(event)
                case "message":
                    self._message(event)
                case "ack":
                    self._acknowledged(event)
                case "error":
                    self._refused(event)
                case "history":
                    self._page(event)
                case _:
                    pass
        if self.line.close_code is not None:
            assert self.line.close_code == 1013, f"{self.name} was closed with {self.line.close_code}"
            assert not self.must_be_told, f"{self.name} could not resume"
            self.gone()

    def _news(self, event: Received) -> None:
        if event["event"] == "joined":
            self._joined(event)
        elif event["event"] == "left":
            del self.next[event["room"]]

    def _joined(self, event: Received) -> None:
        room = self._rooms[event["room"]]
        asked = next(place for name, place in self._joining.values() if name == room.name)
        self._joining.pop("", None)
        if room.name in self.next:  # A join of a room in which one is: nothing changes.
            assert "recovered" not in event
            return
        if "epoch" not in event:
            assert not self.must_be_told, f"{self.name} is not told where {room.name} stands"
            assert asked is None
            self.next[room.name] = None
            self.places.pop(room.name, None)
            return
        room.has_epoch(event["epoch"])
        epoch, seq, recovered = event["epoch"], event["seq"], event.get("recovered")
        assert seq <= room.most
        assert (recovered is None) == (asked is None)
        since = seq
        if asked is not None and recovered:
            assert asked.epoch == epoch, "an epoch that never was is recovered"
            assert 0 <= seq - asked.since <= room.max_recovered
            since = asked.since
        elif asked is not None and asked.epoch == epoch:
            is_there = room.most - room.keep <= asked.since <= seq
            assert not is_there or seq - asked.since > room.max_recovered, f"{asked} is not recovered"
        self.next[room.name] = since + 1
        self.places[room.name] = Place(epoch, since)

    def _message(self, event: Received) -> None:
        room, seq, content = self._rooms[event["room"]], event["seq"], event["content"]
        expected = self.next[room.name]
        assert expected in (None, seq), f"{self.name} gets {seq} of {room.name} after {expected} was due"
        room.is_at(seq, content)
        said = room.sent[content]
        assert event["user"] == said.user
        assert "id" not in event or (event["user"], event["id"]) == (self.name, said.id)
        self.next[room.name] = seq + 1
        if room.name in self.places:
            self.places[room.name] = self.places[room.name]._replace(since=seq)

    def _acknowledged(self, event: Received) -> None:
        said = self._answered(event)
        if said is None:
            return
        seq = event["seq"]
        assert said.seq in (None, seq) or said.may_be_there_twice, f"{said.content} is acknowledged as {seq} too"
        said.seq = seq
        self._rooms[said.room].is_at(seq, said.content)

    def _refused(self, event: Received) -> None:
        assert event["code"] in ("unavailable", "internal", "not_in_room"), event
        if "id" not in event:
            return
        said = self._answered(event)
        assert said is None or event["retryable"] or said.room not in self.next, event

    def _answered(self, event: Received) -> Said | None:
        waiting = self.unanswered.get(event["id"])
        assert waiting, f"{self.name} gets one answer too many: {event}"
        self._joining.pop(event["id"], None)
        return waiting.pop()

    def _page(self, event: Received) -> None:
        room, events = self._rooms[event["room"]], event["events"]
        room.has_epoch(event["epoch"])
        assert [each["seq"] for each in events] == list(range(event["first"], event["last"] + 1))
        for each in events:
            room.is_at(each["seq"], each["content"])
