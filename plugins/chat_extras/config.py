"""The options of `chat_extras`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from ...core import PluginConfig
from .emoji import LONGEST_EMOJI, is_emoji_or_word
from .moderators import check_moderator


class ChatExtrasConfig(PluginConfig):
    """The options of `chat_extras`."""

    edit_seconds: float | None = Field(
        default=900.0, ge=0, description="how long authors may edit a message; 0: not at all, null: for ever"
    )
    moderators: list[str] = Field(
        default=[],
        description="who may edit and delete what others said: users by name, such as alice or agent-*, "
        "group:staff, or token for those whose credentials carry the right moderate for the room",
    )
    max_reactions: int = Field(default=10, ge=1, description="different reactions of one user to one message")
    reactions: list[str] | None = Field(
        default=None,
        description="the reactions that there are; null: any emoji, and words of at most 32 characters",
    )
    typing_seconds: float = Field(
        default=3.0, gt=0, description="seconds before a room is told again that the same user is typing"
    )
    typing_expires: float = Field(
        default=6.0, gt=0, description="seconds without a sign of it after which a user has stopped typing"
    )
    read_markers: Literal["room", "self", "off"] = Field(
        default="self",
        description="who is told how far somebody has read: everyone in the room, the user's own connections "
        "(self), or nobody",
    )
    read_seconds: float = Field(
        default=1.0, gt=0, description="seconds before a room is told again how far the same user has read"
    )

    @field_validator("reactions")
    @classmethod
    def _can_be_sent(cls, reactions: list[str] | None) -> list[str] | None:
        for each in reactions or ():
            if len(each) > LONGEST_EMOJI or not is_emoji_or_word(each):
                raise ValueError(f"{each!r} is neither an emoji nor a word of at most {LONGEST_EMOJI} characters")
        return reactions

    @field_validator("moderators")
    @classmethod
    def _mean_somebody(cls, moderators: list[str]) -> list[str]:
        for each in moderators:
            check_moderator(each)
        return moderators
