"""What has become of messages: remembered for those that were touched last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from ...protocol import Encoded

MOST_REMEMBERED = 200_000
"""Messages and reactions that are remembered; beyond it, the messages that were not touched for longest go."""

Key = tuple[str, str, int]
"""Room, epoch, and the seq of the message."""


class MessageState:
    """Whether a message is deleted, and the reactions to it by user, as of the event ``up_to`` of the history."""

    __slots__ = ("is_deleted", "of", "reactions", "size", "up_to")

    def __init__(self, of: int) -> None:
        """``of`` is the seq of the message."""
        self.of = of
        self.up_to = of
        self.is_deleted = False
        self.reactions: dict[str, set[str]] = {}
        self.size = 1
        """What counts towards `MOST_REMEMBERED`."""

    def follow(self, events: Iterable[Encoded], since: int) -> None:
        """Take in the events of the history after ``since``, in order; what was taken in before is skipped."""
        mark = b'"of":%d' % self.of
        for seq, each in enumerate(events, start=since + 1):
            if seq > self.up_to:
                self.up_to = seq
                if mark in each.json:  # Hardly ever.
                    self._take_in(each)

    def _take_in(self, encoded: Encoded) -> None:
        try:
            event = _decode(encoded.json)
        except msgspec.ValidationError:  # Another plugin's, which has a field of that name.
            return
        if event.of != self.of:
            return
        if event.type == "delete":
            self.is_deleted = True
        elif event.type == "reaction" and event.user and event.emoji:
            self.react(event.user, event.emoji, removed=event.removed)

    def react(self, user: str, emoji: str, *, removed: bool) -> None:
        """Add a reaction, or take it away."""
        if self.has(user, emoji) is not removed:
            return
        theirs = self.reactions.setdefault(user, set())
        (theirs.remove if removed else theirs.add)(emoji)
        self.size += -1 if removed else 1
        if not theirs:
            del self.reactions[user]

    def has(self, user: str, emoji: str) -> bool:
        """Whether the user has reacted so."""
        return emoji in self.reactions.get(user, ())


class _Later(msgspec.Struct):
    """What an event says about an earlier one."""

    type: str
    of: int | None = None
    user: str | None = None
    emoji: str | None = None
    removed: bool = False


_decode = msgspec.json.Decoder(_Later).decode


class MessageStates:
    """The states of the messages that were touched last."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._size = 0
        self._states: OrderedDict[Key, tuple[MessageState, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, key: Key) -> MessageState | None:
        """The state of a message, if it is remembered."""
        known = self._states.get(key)
        return None if known is None else known[0]

    def keep(self, key: Key, state: MessageState) -> None:
        """Remember a state, or that it has changed."""
        self.forget(key)
        size = state.size
        self._states[key] = state, size
        self._size += size
        while self._size > self._most:
            self.forget(next(iter(self._states)))

    def forget(self, key: Key) -> None:
        """Let the history tell again, when somebody asks."""
        _, size = self._states.pop(key, (None, 0))
        self._size -= size
