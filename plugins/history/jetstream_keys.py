"""The idempotency keys of a room that are known, gathered from its records."""

from __future__ import annotations

from typing import NamedTuple

from .jetstream_record import Change


class _Known(NamedTuple):
    seq: int
    expires: float
    start: int


class Keys:
    """Keys, and for which event each stands."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    @property
    def start(self) -> int:
        """From which number in the stream on they are; 0 where there are none."""
        return next(iter(self._known.values())).start if self._known else 0

    def add(self, change: Change) -> None:
        """Take the keys of the next change of the room."""
        seq, start = change.first_seq, change.record.since + 1
        for run in change.runs:
            for place, key in enumerate(run.keys):
                if key is not None:
                    self._known.pop(key, None)  # So that what is newer comes later.
                    self._known[key] = _Known(seq + place, run.expires, start)
            seq += len(run.events)

    def find(self, key: bytes, now: float) -> int | None:
        """The event of a key, given as its digest."""
        found = self._known.get(key)
        return found.seq if found is not None and found.expires > now else None

    def prune(self, now: float) -> None:
        """Let go of the oldest, as far as they have expired."""
        expired: list[bytes] = []
        for key, known in self._known.items():
            if known.expires > now:
                break
            expired.append(key)
        for key in expired:
            del self._known[key]
