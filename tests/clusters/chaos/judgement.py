"""What became of everything that was published, by what each client was told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from .crowd import Crowd
from .seat import BREAK, Seat, speaker

NOT_OUT = "nothing was published"
"""What a refusal says of which nobody may ever hear."""


@dataclass
class Judgement:
    """What was checked, and what must not be."""

    acknowledged: int = 0
    deliveries: int = 0
    refusals: int = 0
    told_missing: int = 0
    """Deliveries of what was acknowledged that were missing where the client was told so."""
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    disordered: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [
            *(f"lost: {each}" for each in self.lost),
            *(f"doubled: {each}" for each in self.doubled),
            *self.disordered,
            *self.complaints,
        ]


def judge(crowd: Crowd, *, has_one_order: bool = True) -> Judgement:
    """Compare what everybody was told. Nothing may be under way any more.

    ``has_one_order`` says whether the broker promises one order of what comes from several servers; numbers do so.
    """
    judgement = Judgement(
        acknowledged=crowd.acknowledged,
        refusals=sum(client.refusals for client in crowd.clients),
        complaints=[complaint for client in crowd.clients for complaint in client.complaints],
    )
    for room, seats in crowd.seats.items():
        judgement.deliveries += sum(seq != BREAK for seat in seats for seq, _ in seat.heard)
        judgement.complaints += [complaint for seat in seats for complaint in seat.complaints]
        if crowd.has_history:
            _judge_recorded(room, seats, judgement)
        else:
            for by in [None] if has_one_order else [seat.owner for seat in seats]:
                _judge_unrecorded(room, seats, judgement, by)
    return judgement


def _judge_recorded(room: str, seats: list[Seat], judgement: Judgement) -> None:
    """Everybody has heard the same under the same numbers, which have no holes, and all that was acknowledged."""
    heard = seats[0].heard
    there = dict(heard)
    first = seats[0].first or 0
    if [seq for seq, _ in heard] != list(range(first + 1, first + 1 + len(heard))):
        judgement.disordered.append(f"the numbers of {room} have holes for {seats[0].owner}")
    judgement.disordered += [
        f"{seat.owner} was told something else in {room} than {seats[0].owner}"
        for seat in seats
        if seat.heard != heard
    ]
    judgement.doubled += [content for content, times in Counter(there.values()).items() if times > 1]
    for seat in seats:
        judgement.lost += [id_ for id_, seq in seat.acknowledged.items() if there.get(seq) != id_]


def _judge_unrecorded(room: str, seats: list[Seat], judgement: Judgement, by: str | None = None) -> None:
    """What was heard ``by`` somebody, or by anybody, can be put in one order, and what is missing in it is missing
    where a client was told so.
    """
    acknowledged = {id_ for seat in seats if by in (None, seat.owner) for id_ in seat.acknowledged}
    never_out = {id_ for seat in seats for id_, said in seat.refused.items() if NOT_OUT in said}
    followers = TopologicalSorter[str]()
    for seat in seats:
        contents = [content for seq, content in _heard(seat, by) if seq != BREAK]
        judgement.doubled += [f"{each} for {seat.owner}" for each, n in Counter(contents).items() if n > 1]
        judgement.complaints += [
            f"{each} was heard in {room} though it was refused" for each in never_out & set(contents)
        ]
        for content in contents[:1]:
            followers.add(content)
        for before, after in pairwise(contents):
            followers.add(after, before)
    try:
        order = {content: place for place, content in enumerate(followers.static_order())}
    except CycleError as error:
        judgement.disordered.append(f"the order in {room} is not the same for all: {error.args[1]}")
        return
    judgement.lost += [f"{id_}: nobody in {room} has heard it" for id_ in acknowledged - order.keys()]
    for seat in seats:
        _judge_missing(room, seat, _heard(seat, by), acknowledged & order.keys(), order, judgement)


def _heard(seat: Seat, by: str | None) -> list[tuple[int, str]]:
    if by is None:
        return seat.heard
    return [(seq, content) for seq, content in seat.heard if seq == BREAK or speaker(content) == by]


def _judge_missing(
    room: str,
    seat: Seat,
    heard: list[tuple[int, str]],
    acknowledged: set[str],
    order: dict[str, int],
    judgement: Judgement,
) -> None:
    missing = sorted(acknowledged - {content for _, content in heard}, key=order.__getitem__)
    has_break, at = False, 0
    for seq, content in [*heard, (-1, "")]:
        if seq == BREAK:
            has_break = True
            continue
        until = order[content] if seq != -1 else len(order)
        while at < len(missing) and order[missing[at]] < until:
            if has_break:
                judgement.told_missing += 1
            else:
                judgement.lost.append(f"{missing[at]} for {seat.owner} in {room}, who was not told")
            at += 1
        has_break = False
