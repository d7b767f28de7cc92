"""A receiver on a real socket that replies whatever a test wants, valid HTTP or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

Reply = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    """What a receiver got."""

    def __init__(self, head: bytes, body: bytes, connection: int) -> None:
        lines = head.decode().split("\r\n")
        self.line = lines[0]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.body = body
        self.connection = connection


def saying(text: str | bytes) -> Reply:
    """A receiver that writes this to each request."""

    async def reply(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(text if isinstance(text, bytes) else text.encode())

    return reply


OK = saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@asynccontextmanager
async def receiver(reply: Reply) -> AsyncGenerator[tuple[str, list[Request]]]:
    """A receiver on a free port: its URL, and what it gets."""
    requests: list[Request] = []
    tasks: set[asyncio.Task[None]] = set()
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                request = Request(head, b"", number)
                request.body = await reader.readexactly(int(request.headers["content-length"]))
                requests.append(request)
                await reply(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?key=1", requests
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
