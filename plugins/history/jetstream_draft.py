"""What a room would be like after some changes, which are then stored as one record, or not at all."""

from __future__ import annotations

import secrets

from .jetstream_keys import Keys
from .jetstream_record import Record, Run, digest
from .store import Append, Appended, Conflict, Position, conflict


class Draft:
    """A room, to be changed."""

    def __init__(self, room: str, record: Record | None, keys: Keys | None) -> None:
        """``record`` is the newest of the room; ``keys`` those that are known, None: it is not known which."""
        self.room = room
        self.is_known = record is not None
        self.is_changed = False
        self.epoch, self.first, self.last = record.position if record is not None else ("", 1, 0)
        self.time = record.time if record is not None else 0.0
        self.runs: list[Run] = []
        self.now = float("-inf")
        """Of the latest append."""
        self._keys = keys
        self._new_keys: dict[bytes, tuple[int, float]] = {}

    @property
    def position(self) -> Position:
        """Where the room stands."""
        return Position(self.epoch, self.first, self.last)

    @property
    def has_keys(self) -> bool:
        """Whether keys were added."""
        return bool(self._new_keys)

    def begin(self, epoch: str | None, last: int, now: float) -> None:
        """Let it begin, which it has not."""
        self.is_known = self.is_changed = True
        self.epoch, self.first, self.last, self.time = epoch or secrets.token_hex(8), last + 1, last, now

    def open(self, now: float) -> Position:
        """Where it stands; it begins where it is not known."""
        if not self.is_known:
            self.begin(None, 0, now)
        return self.position

    def renew(self, epoch: str) -> Position:
        """Another epoch in place of this. Raise `Conflict` where the room is not known."""
        if not self.is_known:
            raise Conflict(f"the room {self.room!r} is not known")
        if self.epoch == epoch:
            self.epoch, self.is_changed = secrets.token_hex(8), True
        return self.position

    def restore(self, epoch: str, last: int, now: float) -> None:
        """Let it begin. Raise `Conflict` where it has."""
        if self.is_known:
            raise Conflict(f"the room {self.room!r} is known already")
        self.begin(epoch, last, now)

    def remove(self, up_to: int) -> int:
        """Remove events; return how many."""
        count = min(up_to, self.last) - self.first + 1
        if count <= 0:
            return 0
        self.first, self.is_changed = self.first + count, True
        return count

    def find(self, key: str, now: float) -> int | None:
        """The event of a key that is known."""
        digested = digest(key)
        if (new := self._new_keys.get(digested)) is not None and new[1] > now:
            return new[0]
        assert self._keys is not None
        return self._keys.find(digested, now)

    def append(self, append: Append) -> Appended:
        """Add events. Raise `Conflict` where they have another place."""
        if append.first_seq is None:
            self.open(append.time)
            key = append.keys[0]
            if key is not None and (seq := self.find(key, append.time)) is not None:
                return Appended(self.epoch, seq, is_duplicate=True)
        elif not self.is_known or append.epoch != self.epoch or append.first_seq != self.last + 1:
            raise conflict(append, self.epoch if self.is_known else None, self.last)
        first = self.last + 1
        keys = [None if key is None else digest(key) for key in append.keys]
        for seq, key in enumerate(keys, first):
            if key is not None:
                self._new_keys[key] = (seq, append.expires)
        has_keys = any(key is not None for key in keys)
        self.runs.append(Run(append.time, append.expires, list(append.events), keys if has_keys else []))
        self.last, self.time, self.is_changed = self.last + len(append.events), append.time, True
        self.now = max(self.now, append.time)
        return Appended(self.epoch, first, is_duplicate=False)
