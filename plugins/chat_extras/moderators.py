"""Who may change a message: its author, and the moderators of the config."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from ...core import Connection, Identity, Rejected, StateKey
from .messages import KeptMessage

RIGHT = "moderate"
"""The right that credentials may carry for a room; it counts where the config says ``token``."""

CAME = StateKey[datetime]("chat_extras.came")
"""When a guest's connection was opened, by the clock that stamps events."""

_NOT_HERE = ("everyone", "nobody", "users", "guests", "owner")


def check_moderator(text: str) -> None:
    """Raise `ValueError`, with a sentence for the deployer, where ``text`` means nobody that there could be."""
    kind, colon, name = text.partition(":")
    if text in _NOT_HERE:
        raise ValueError(f"{text!r} has no meaning here. A user of that name is 'user:{text}'")
    if colon and kind not in ("user", "group"):
        raise ValueError(f"{text!r} begins with none of user:…, group:…. A user of that name is 'user:{text}'")
    if not (name if colon else kind).strip():
        raise ValueError(f"{text!r} has no name in it: write alice, agent-*, group:staff or token")


def is_moderator(identity: Identity, room: str, moderators: Iterable[str]) -> bool:
    """Whether somebody may change what others said; guests may not, as nobody vouches for their names."""
    if identity.kind == "service":
        return True
    return identity.kind == "user" and any(_is_meant(identity, room, each) for each in moderators)


def _is_meant(identity: Identity, room: str, moderator: str) -> bool:
    if moderator == "token":
        return any(RIGHT in rights and fnmatchcase(room, pattern) for pattern, rights in identity.rooms.items())
    kind, colon, name = moderator.partition(":")
    if kind == "group" and colon:
        return name in identity.groups
    return fnmatchcase(identity.user, name if colon else moderator)


def check_author(connection: Connection, message: KeptMessage, deed: str) -> None:
    """Raise `Rejected` ``forbidden`` where it is another's message. ``deed`` is what is to be done with it."""
    if message.user != connection.user:
        raise Rejected(
            "forbidden", f"Only its author or a moderator may {deed} the message {message.seq}.", path="of"
        )
    if connection.identity.is_guest and not _was_here(connection, message):
        raise Rejected(
            "forbidden",
            f"A guest may {deed} only what was said since the guest came: the name alone proves nothing.",
            path="of",
        )


def _was_here(connection: Connection, message: KeptMessage) -> bool:
    """Whether the user has been online since the message: nobody else can have had a guest's name meanwhile."""
    tabs = connection.manager.users.get(connection.user, {})
    came = [each.state[CAME] for each in tabs.values() if CAME in each.state]
    return bool(came) and message.timestamp is not None and message.timestamp >= min(came)
