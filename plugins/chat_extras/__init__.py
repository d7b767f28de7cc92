"""What chats have besides messages: edits, deletions, reactions, who is typing, and how far somebody has read."""

from .plugin import ChatExtras as ChatExtras
