"""Faithful clients in several rooms, and the judgement of what they were told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from .faithful_client import FaithfulClient


@dataclass
class Judgement:
    """What became of everything that was published."""

    acknowledged: int = 0
    published: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list[str])
    """Acknowledged, and not there under the number that the ack told."""
    doubled: list[str] = field(default_factory=list[str])
    disordered: list[str] = field(default_factory=list[str])
    """Numbers that skip, members who were told something else than others, publishers overtaken by themselves."""
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


class Crowd:
    """Some rooms with some members each, all of whom publish."""

    def __init__(self, url: Callable[[], str], *, rooms: int, members: int) -> None:
        """``url`` says where the server is; ``members`` are in each of the rooms."""
        self.rooms = {
            f"room-{room}": [FaithfulClient(f"user-{room}-{each}", f"room-{room}", url) for each in range(members)]
            for room in range(rooms)
        }
        self.members = [member for members_of_one in self.rooms.values() for member in members_of_one]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Let everybody come, and then publish."""
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        for member in self.members:
            self._stack.callback(tasks.create_task(member.run()).cancel)
        await self.until_all_are_up_to_date()
        for member in self.members:
            member.start_publishing()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def acknowledged(self) -> int:
        """How many publications were acknowledged so far."""
        return sum(len(member.acknowledged) for member in self.members)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return when it holds. Raise `AssertionError`, with how things stand, where it does not within time."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError("\n".join(map(repr, self.members))) from None

    async def until_acknowledged(self, more: int) -> None:
        """Return when so many more publications were acknowledged."""
        target = self.acknowledged + more
        await self.until(lambda: self.acknowledged >= target)

    async def until_all_are_up_to_date(self) -> None:
        """Return when everybody is in the room, and knows what had been published by then."""
        await self.until(lambda: all(member.is_up_to_date for member in self.members))

    async def finish(self) -> Judgement:
        """Let nobody publish any more, wait for what is under way, and judge."""
        for member in self.members:
            member.publishes = False
        await self.until(lambda: all(member.is_answered for member in self.members))
        for members in self.rooms.values():
            last = max(member.seen for member in members)
            await self.until(lambda last=last, members=members: all(each.seen == last for each in members))
        return self._judge()

    def _judge(self) -> Judgement:
        judgement = Judgement(
            self.acknowledged,
            sum(members[0].seen for members in self.rooms.values()),
            sum(member.refused for member in self.members),
            complaints=[complaint for member in self.members for complaint in member.complaints],
        )
        for room, members in self.rooms.items():
            _judge_room(room, members, judgement)
        return judgement


def _judge_room(room: str, members: list[FaithfulClient], judgement: Judgement) -> None:
    heard = members[0].heard
    there = dict(heard)
    if [seq for seq, _ in heard] != list(range(1, len(heard) + 1)):
        judgement.disordered.append(f"the numbers of {room} have holes")
    judgement.disordered += [
        f"{member.name} was told something else than {members[0].name}"
        for member in members
        if member.heard != heard
    ]
    judgement.doubled += [content for content, times in Counter(there.values()).items() if times > 1]
    for member in members:
        judgement.lost += [id_ for id_, seq in member.acknowledged.items() if there.get(seq) != id_]
        own = [int(content.rpartition("-")[2]) for _, content in heard if content.startswith(f"{member.name}-")]
        if own != sorted(own) and not member.refused:  # What was refused is sent again later, behind others.
            judgement.disordered.append(f"what {member.name} said is in another order")
