"""Somebody between a store and its server, who takes what the server says and hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def hanging_up(
    connect: Callable[[], Awaitable[Streams]], question: bytes, answer: bytes
) -> AsyncGenerator[int]:
    """Pass everything on until a ``question`` gets this ``answer``; yield the port on which to ask.

    ``connect`` connects to the server; both byte strings are parts of what is said.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await connect()
        was_asked = False

        async def pass_on() -> None:
            nonlocal was_asked
            while words := await reader.read(65536):
                was_asked = was_asked or question in words
                ours.write(words)
            ours.close()

        passing = asyncio.create_task(pass_on())
        while words := await theirs.read(65536):
            if was_asked and answer in words:
                break
            writer.write(words)
        writer.close()
        ours.close()
        await asyncio.wait((passing,))

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
