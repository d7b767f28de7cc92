"""What is asked of the stream: its records, one by one or many in a row, and to put one where it belongs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from .jetstream_connection import NO_MESSAGE, WRONG_PLACE, Failure, JetStreamConnection
from .jetstream_link import has_status
from .jetstream_record import Message, decode

MOST_AT_ONCE = 100
"""Messages that are on their way here at most."""
MOST_BYTES = 1024 * 1024
"""Of one message; a larger record comes in pieces."""
OVERHEAD = 1024
"""Bytes of a message that are not the body of its record."""

FORGOTTEN_AFTER = 10
"""Seconds after which NATS removes what somebody was reading with who is gone."""
PURGE_PATIENCE = 60.0
EXPIRES = 1.0

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class WrongPlace(Exception):
    """Somebody has put a record there before; nothing was stored."""


class _Put(msgspec.Struct):
    error: Failure | None = None
    seq: int = 0


class _Found(msgspec.Struct):
    seq: int
    data: bytes = b""


class _Get(msgspec.Struct):
    error: Failure | None = None
    message: _Found | None = None


class _Consumer(msgspec.Struct):
    error: Failure | None = None
    name: str = ""
    num_pending: int = 0


class _State(msgspec.Struct):
    subjects: dict[str, int] = {}


class _Subjects(msgspec.Struct):
    error: Failure | None = None
    state: _State | None = None
    total: int = 0


class _Done(msgspec.Struct):
    error: Failure | None = None


class Stream:
    """The records of all rooms. Each method may raise `StoreUnavailable`."""

    def __init__(self, connection: JetStreamConnection) -> None:
        self._nats = connection
        self._rooms = f"{connection.subject}room."

    @property
    def most_body(self) -> int:
        """Bytes that a record may have without being put in pieces."""
        return max(1, min(self._nats.max_payload, MOST_BYTES) - OVERHEAD)

    def subject(self, room: str) -> str:
        """Where the records of a room are. No name reaches another subject, or a wildcard."""
        return self._rooms + quote(room, safe="").replace(".", "%2E").replace("~", "%7E")

    async def touch(self) -> None:
        """Write something, in place of what was written so before."""
        await self._put(f"{self._nats.subject}touched", b"", {"Nats-Rollup": "sub"})

    async def put(self, subject: str, record: bytes, *, after: int) -> int:
        """Store a record after the one with the number ``after``; return its own. Raise `WrongPlace`."""
        return await self._put(subject, record, {_EXPECTED: str(after)})

    async def _put(self, subject: str, payload: bytes, headers: dict[str, str]) -> int:
        answer = msgspec.json.decode((await self._nats.ask(subject, payload, headers)).data, type=_Put)
        if answer.error is None:
            return answer.seq
        if answer.error.err_code == WRONG_PLACE:
            raise WrongPlace
        raise self._nats.refused(answer.error)

    async def newest(self, subject: str) -> Message | None:
        """The newest record of a room."""
        return await self._get({"last_by_subj": subject})

    async def next(self, subject: str, number: int) -> Message | None:
        """The first record of a room that is not before a number of the stream."""
        return await self._get({"seq": max(1, number), "next_by_subj": subject})

    async def _get(self, request: dict[str, object]) -> Message | None:
        # Asked of the leader: with allow_direct, somebody might answer who is behind.
        reply = await self._nats.ask_api(f"STREAM.MSG.GET.{self._nats.name}", request)
        answer = msgspec.json.decode(reply, type=_Get)
        if answer.error is not None:
            if answer.error.err_code == NO_MESSAGE:
                return None
            raise self._nats.refused(answer.error)
        assert answer.message is not None
        return decode(answer.message.seq, answer.message.data)

    async def read(self, subject: str, start: int) -> AsyncGenerator[Message]:
        """The records of a room from a number of the stream on, in order, up to the newest."""
        request = {
            "stream_name": self._nats.name,
            "config": {
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": max(1, start),
                "ack_policy": "none",
                "filter_subject": subject,
                "mem_storage": True,
                "num_replicas": 1,
                "inactive_threshold": FORGOTTEN_AFTER * 10**9,
            },
        }
        reply = await self._nats.ask_api(f"CONSUMER.CREATE.{self._nats.name}", request)
        consumer = msgspec.json.decode(reply, type=_Consumer)
        if consumer.error is not None:
            raise self._nats.refused(consumer.error)
        try:
            async with aclosing(self._fetch(consumer.name, consumer.num_pending)) as messages:
                async for message in messages:
                    yield message
        finally:
            await self._nats.tell_api(f"CONSUMER.DELETE.{self._nats.name}.{consumer.name}")

    async def _fetch(self, consumer: str, pending: int) -> AsyncGenerator[Message]:
        while pending > 0:
            count = min(pending, MOST_AT_ONCE)
            request = msgspec.json.encode({"batch": count, "expires": int(EXPIRES * 10**9)})
            for message in await self._nats.fetch(consumer, request, count, patience=EXPIRES):
                if has_status(message):
                    return  # Some were removed meanwhile.
                yield decode(message.metadata.sequence.stream, message.data)
            pending -= count

    async def purge(self, subject: str, before: int | None = None) -> None:
        """Remove the records of a room; those with numbers below ``before``, or all."""
        request: dict[str, object] = {"filter": subject}
        if before is not None:
            request["seq"] = before
        reply = await self._nats.ask_api(f"STREAM.PURGE.{self._nats.name}", request, patience=PURGE_PATIENCE)
        if (error := msgspec.json.decode(reply, type=_Done).error) is not None:
            raise self._nats.refused(error)

    async def rooms(self) -> AsyncGenerator[list[tuple[str, int]]]:
        """All rooms with how many messages each has, page by page."""
        seen = 0
        while True:
            request = {"subjects_filter": f"{self._rooms}*", "offset": seen}
            reply = await self._nats.ask_api(f"STREAM.INFO.{self._nats.name}", request)
            answer = msgspec.json.decode(reply, type=_Subjects)
            if answer.error is not None:
                raise self._nats.refused(answer.error)
            subjects = answer.state.subjects if answer.state is not None else {}
            yield [(unquote(name.removeprefix(self._rooms)), count) for name, count in subjects.items()]
            seen += len(subjects)
            if not subjects or seen >= answer.total:
                return
