"""How events become what the connections of one kind write.

A room renders a batch of events once for each `Wire` among its members, not once for each member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..protocol import Encoded

Rendered = bytes | list[str] | list[bytes] | list[Encoded]
"""WebSocket frames joined to one write, or a payload for each event, or the events for a backlog."""

Writer = Callable[[Rendered], None]


class Wire:
    """One way to render a batch; connections that share it receive the very same object."""

    def __init__(self, name: str, render: Callable[[Sequence[Encoded]], Rendered]) -> None:
        self.name = name
        self.render = render

    def __repr__(self) -> str:
        return f"Wire({self.name!r})"


def _json_frames(batch: Sequence[Encoded]) -> bytes:
    return batch[0].json_frame if len(batch) == 1 else b"".join([each.json_frame for each in batch])


JSON_FRAMES = Wire("JSON in WebSocket frames", _json_frames)
DEFLATED_JSON_FRAMES = Wire(
    "JSON in compressed WebSocket frames", lambda batch: b"".join([e.deflated_json_frame for e in batch])
)
MSGPACK_FRAMES = Wire("MessagePack in WebSocket frames", lambda batch: b"".join([e.msgpack_frame for e in batch]))
JSON_TEXTS = Wire("JSON texts", lambda batch: [each.json_text for each in batch])
MSGPACK_BYTES = Wire("MessagePack payloads", lambda batch: [each.msgpack for each in batch])
UNRENDERED = Wire("events for a backlog", lambda batch: list(batch))
