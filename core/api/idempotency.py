"""The header Idempotency-Key: a request that is sent again is not carried out again, but answered the same.

As draft-ietf-httpapi-idempotency-key-header says. Only what succeeded is remembered: a request that was refused
has done nothing, so it may come again with the same key.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from starlette.types import Message, Send

from .config import ApiConfig
from .problems import ApiError

HEADER = b"idempotency-key"
MAX_BYTES = 32 * 1024 * 1024
"""How much the remembered answers of one API key may take."""

PATTERN = '^("[A-Za-z0-9._~:+/=@-]{1,255}"|[A-Za-z0-9._~:+/=@-]{1,255})$'
"""What a key looks like, with or without the quotes of the draft."""

_KEY = re.compile(PATTERN.encode())


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that was given."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    fingerprint: bytes
    """Tells the request from others with the same key."""
    time: float

    async def send_again(self, send: Send) -> None:
        """Give it once more, and say so."""
        headers = [*self.headers, (b"idempotency-replayed", b"true")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(slots=True)
class Memory:
    """What is known of the idempotency keys that came with one API key."""

    under_way: set[str] = field(default_factory=set[str])
    answers: OrderedDict[str, Answer] = field(default_factory=OrderedDict[str, Answer])
    size: int = 0

    def forget_oldest(self) -> None:
        """Forget one answer."""
        _, answer = self.answers.popitem(last=False)
        self.size -= len(answer.body)


class IdempotencyKeys:
    """The answers of the last hours."""

    def __init__(self, config: ApiConfig, now: Callable[[], float]) -> None:
        self._most = config.idempotency_keys
        self._seconds = config.idempotency_seconds
        self._now = now
        self._memories: dict[str, Memory] = {}

    def begin(self, owner: str, key: str, fingerprint: bytes) -> Answer | None:
        """The answer that the same request got before, or None: then call `Recording.finish` in the end.

        Raise `ApiError` 422 where another request came with this key, 409 where one is under way.
        """
        memory = self._memories.setdefault(owner, Memory())
        self._forget_old(memory)
        answer = memory.answers.get(key)
        if answer is not None and answer.fingerprint != fingerprint:
            raise ApiError(
                422,
                "idempotency_key_reused",
                "This Idempotency-Key came with another request before: use a new key for a new request.",
            )
        if answer is None:
            if key in memory.under_way:
                raise ApiError(
                    409,
                    "idempotency_key_under_way",
                    "A request with this Idempotency-Key is under way: try again in a moment.",
                    retry_after=1.0,
                )
            memory.under_way.add(key)
        return answer

    def record(self, owner: str, key: str, fingerprint: bytes, send: Send) -> Recording:
        """Note what is sent in answer to a request that has begun."""
        return Recording(self, owner, key, fingerprint, send)

    def end(self, owner: str, key: str, answer: Answer | None) -> None:
        """Remember ``answer``; None: the request may come again."""
        memory = self._memories[owner]
        memory.under_way.discard(key)
        if answer is not None:
            memory.answers[key] = answer
            memory.size += len(answer.body)
            self._forget_old(memory)

    def now(self) -> float:
        """The event loop's clock."""
        return self._now()

    def _forget_old(self, memory: Memory) -> None:
        oldest = self._now() - self._seconds
        while memory.answers and next(iter(memory.answers.values())).time <= oldest:
            memory.forget_oldest()
        while len(memory.answers) > self._most or memory.size > MAX_BYTES:
            memory.forget_oldest()


class Recording:
    """Passes a response on and keeps a copy."""

    def __init__(self, keys: IdempotencyKeys, owner: str, key: str, fingerprint: bytes, send: Send) -> None:
        self._keys = keys
        self._owner = owner
        self._key = key
        self._fingerprint = fingerprint
        self._send = send
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take the place of the ASGI ``send``."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
        await self._send(message)

    def finish(self) -> None:
        """Remember the response if it was a success."""
        answer = None
        if 200 <= self._status < 300:
            answer = Answer(self._status, self._headers, self._body, self._fingerprint, self._keys.now())
        self._keys.end(self._owner, self._key, answer)


def idempotency_key(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The key of a request, without its quotes. Raise `ApiError` 400 where it is none."""
    told = [value for name, value in headers if name == HEADER]
    if not told:
        return None
    if len(told) > 1 or _KEY.fullmatch(told[0]) is None:
        raise ApiError(
            400, "invalid", "Idempotency-Key is 1 to 255 letters, digits and - . _ ~ : + / = @, such as a UUID."
        )
    return told[0].strip(b'"').decode()


def fingerprint_of(*parts: bytes) -> bytes:
    """A digest that two requests share only if all of their parts are the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
