"""People who publish, drop, vanish, resume and look back, in any order, while servers come and go."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from .model import Line, Person, Place, Room, Said

ROOMS = ("lobby", "zoo")

people = st.sampled_from(["alice", "bob", "carol"])
rooms = st.sampled_from(ROOMS)
places = st.sampled_from(["last", "last", "last", "before", "first", "first", "none", "ahead", "elsewhere"])


class HistoryMachine(RuleBasedStateMachine):
    """What people do, to whichever server; what they hear is compared with the model after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.people: dict[str, Person] = {}
        self.rooms: dict[str, Room] = {}

    # The server

    def start(self, options: Mapping[str, object]) -> None:
        """Start the first server, with these options of history."""
        raise NotImplementedError

    def now(self) -> float:
        raise NotImplementedError

    def connect(self, user: str, room: str, place: Place | None) -> Line:
        raise NotImplementedError

    def wait_for_quiet(self) -> None:
        """Return when the store is well, and everything is answered that can be."""
        raise NotImplementedError

    # What happens

    @initialize(keep=st.sampled_from([1000, 8]), max_recovered=st.sampled_from([1000, 5]))
    def begin(self, keep: int, max_recovered: int) -> None:
        self.rooms = {name: Room(name, keep, max_recovered) for name in ROOMS}
        self.people = {name: Person(name, self.rooms) for name in ("alice", "bob", "carol")}
        self.start({"keep": keep, "max_recovered": max_recovered, "page": 10, "trim_interval": 5})
        self.everybody_comes_back(resends=False)

    def place(self, person: Person, room: str, which: str) -> Place | None:
        known = person.places.get(room)
        if known is None or which == "none":
            return None
        since = {"before": max(0, known.since - 3), "first": 0, "ahead": known.since + 1_000}
        return Place("of another" if which == "elsewhere" else known.epoch, since.get(which, known.since))

    @rule(name=people, which=places, resends=st.booleans())
    def come_back(self, name: str, which: str, resends: bool) -> None:
        """Connect, or connect again, and go on from some place in all rooms."""
        person = self.people[name]
        if person.line is not None:
            person.line.vanish()
            person.gone()
        place = self.place(person, ROOMS[0], which)
        person.connected(self.connect(name, ROOMS[0], place), ROOMS[0], place)
        for room in ROOMS[1:]:
            person.join(room, self.place(person, room, which), self.new_id())
        if resends:
            self.say_again(name, 5)

    @rule(resends=st.booleans())
    def everybody_comes_back(self, resends: bool) -> None:
        for person in self.people.values():
            if person.line is None:
                self.come_back(person.name, "last", resends)

    @rule(name=people, room=rooms, which=places)
    def move(self, name: str, room: str, which: str) -> None:
        """Leave a room, or enter it."""
        person = self.people[name]
        if person.is_in(room):
            person.leave(room, self.new_id())
        elif person.line is not None:
            person.join(room, self.place(person, room, which), self.new_id())

    @rule(name=people, room=rooms, times=st.sampled_from([1, 1, 4, 12]), has_id=st.booleans())
    def say(self, name: str, room: str, times: int, has_id: bool) -> None:
        person = self.people[name]
        for _ in range(times if person.is_in(room) else 0):
            id_ = self.new_id() if has_id else None
            person.say(Said(name, room, next(self.numbers), id_, self.now()), self.now())

    @rule(has_id=st.booleans())
    def everybody_talks(self, has_id: bool) -> None:
        self.talk(self.people, 1, has_id)

    def talk(self, names: Iterable[str], times: int, has_id: bool) -> None:
        """Let each of them say something in each room, in turn."""
        for _ in range(times):
            for name in names:
                for room in ROOMS:
                    self.say(name, room, 1, has_id)

    @rule(name=people, which=places, times=st.sampled_from([1, 6, 20]))
    def come_back_while_others_talk(self, name: str, which: str, times: int) -> None:
        others = [other for other in self.people if other != name]
        self.talk(others, times, has_id=True)
        self.come_back(name, which, resends=False)
        self.talk(others, times, has_id=True)

    @rule(name=people, back=st.integers(1, 5))
    def say_again(self, name: str, back: int) -> None:
        """As a client does that has no answer, and one that has one all the same."""
        person = self.people[name]
        for said in [each for each in person.said if each.id is not None][-back:]:
            if person.is_in(said.room):
                person.say(said, self.now())

    @rule(name=people, room=rooms, back=st.sampled_from([None, 0, 3, 15]))
    def look_back(self, name: str, room: str, back: int | None) -> None:
        person = self.people[name]
        if person.is_in(room):
            last = max(self.rooms[room].contents, default=0)
            person.ask_back(room, None if back is None else max(1, last - back), self.new_id())

    @rule(name=people, how=st.sampled_from(["close", "vanish"]))
    def go(self, name: str, how: str) -> None:
        person = self.people[name]
        if person.line is not None:
            person.line.close() if how == "close" else person.line.vanish()
            person.gone()

    def lose_everybody(self) -> None:
        """Nobody hears anything more from the server that there was."""
        for person in self.people.values():
            person.gone()

    def new_id(self) -> str:
        return f"id-{next(self.numbers)}"

    # What must hold

    @invariant()
    def everybody_is_told_the_same(self) -> None:
        for person in self.people.values():
            person.listen()

    def audit(self) -> None:
        """In the end everybody knows everything that was acknowledged, in the same order."""
        self.wait_for_quiet()
        self.everybody_is_told_the_same()
        for person in self.people.values():
            assert not person.is_waiting, f"{person.name} has not been answered: {vars(person)}"
        for room in self.rooms.values():
            self.look_at_everything(room)
            last = max(room.contents, default=0)
            for said in room.sent.values():
                assert said.seq is None or said.seq <= last
            for person in self.people.values():
                assert person.next.get(room.name) in (None, last + 1), f"{person.name} has not got all"
            room.check_order()

    def look_at_everything(self, room: Room) -> None:
        """Somebody new comes, and reads everything that is kept."""
        auditor = Person("auditor", self.rooms)
        auditor.connected(self.connect("auditor", room.name, None), room.name, None)
        self.wait_for_quiet()
        auditor.listen()
        last = auditor.places[room.name].since
        kept = range(max(1, last - room.keep + 1), last + 1)
        for before in range(last + 1, kept.start, -10):
            auditor.ask_back(room.name, before, self.new_id())
            self.wait_for_quiet()
            auditor.listen()
        assert not auditor.is_waiting
        assert max(room.contents, default=0) == last
        assert all(seq in room.contents for seq in kept)
        assert auditor.line is not None
        auditor.line.close()

    def teardown(self) -> None:
        try:
            if self.people and sys.exc_info()[0] is None:
                self.audit()
        finally:
            self.end()

    def end(self) -> None:
        """Stop the servers."""
        raise NotImplementedError
