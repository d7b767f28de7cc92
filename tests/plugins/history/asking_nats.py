"""What a person would ask NATS for with its own tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from nats.aio.client import Client


async def ask(url: str, subject: str, payload: bytes = b"") -> dict[str, Any]:
    """The answer to a message."""
    client = Client()
    await client.connect(url, allow_reconnect=False)
    try:
        return cast("dict[str, Any]", json.loads((await client.request(subject, payload, timeout=10)).data))
    finally:
        await client.close()


async def ask_api(url: str, what: str, request: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The answer of JetStream, which is no error."""
    answer = await ask(url, f"$JS.API.{what}", b"" if request is None else json.dumps(request).encode())
    assert "error" not in answer, answer
    return answer


async def subjects(url: str, stream: str) -> dict[str, int]:
    """The subjects of a stream with how many messages each has."""
    answer = await ask_api(url, f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    return cast("dict[str, int]", answer["state"].get("subjects", {}))


async def edit(url: str, stream: str, **changes: object) -> None:
    """Change the config of a stream."""
    config = (await ask_api(url, f"STREAM.INFO.{stream}"))["config"]
    await ask_api(url, f"STREAM.UPDATE.{stream}", {**config, **changes})
