"""The event types that the plugin adds."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ...core import Message, RoomEvent
from .emoji import LONGEST_EMOJI

Seq = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
"""The number of an event in its room: one that every client can read, as JavaScript has no larger ones."""


class Edit(Message, tag="edit", kw_only=True):
    """New words for a message.

    It is a message itself, so that every plugin which checks, counts, changes or publishes messages does so with
    edits, too: nobody says in an edit what could not be said in a message.
    """

    summary = "Replaces the content of a message of yours."
    example = {"type": "edit", "of": 12, "content": "What I meant"}

    of: Seq


class Delete(RoomEvent, tag="delete", kw_only=True):
    """The end of a message, whatever edits or reactions come after."""

    summary = "Deletes a message of yours."
    example = {"type": "delete", "of": 12}

    of: Seq


class Reaction(RoomEvent, tag="reaction", kw_only=True):
    """What a user thinks of a message, in an emoji."""

    right = "react"
    summary = "Puts an emoji at a message, or takes it away with removed = true."
    example = {"type": "reaction", "of": 12, "emoji": "👍"}

    of: Seq
    emoji: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_EMOJI)]
    removed: bool = False


class Typing(RoomEvent, tag="typing", kw_only=True):
    """Whether a user is writing something."""

    is_recorded = False
    summary = "Tells the room that you are typing: say it every few seconds while you are."
    example = {"type": "typing", "is_typing": True}

    is_typing: bool


class Read(RoomEvent, tag="read", kw_only=True):
    """How far a user has read in a room."""

    right = "join"
    is_recorded = False
    summary = "Says that you have read everything in a room up to a seq."
    example = {"type": "read", "up_to": 12}

    up_to: Seq
