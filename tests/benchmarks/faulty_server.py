"""A WebSocket server that passes messages on to a room and makes a fault in every 50th delivery.

The path says which: `/drop`, `/repeat` or `/alter`; `/pass` makes none. It prints its URL, or as many as it
is told to have.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection, serve

FAULTS: dict[str, Callable[[str], list[str]]] = {
    "/pass": lambda message: [message],
    "/drop": lambda _: [],
    "/repeat": lambda message: [message, message],
    "/alter": lambda message: [message.replace("xxx", "xyx", 1)],
}
members: dict[str, list[ServerConnection]] = defaultdict(list)
deliveries = 0


async def deliver(path: str, message: str) -> None:
    global deliveries
    for member in members[path]:
        deliveries += 1
        fault = FAULTS["/pass" if deliveries % 50 else path]
        for each in fault(message):
            await member.send(each)


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    path = connection.request.path
    members[path].append(connection)
    try:
        async for message in connection:
            assert isinstance(message, str)
            await deliver(path, message)
    finally:
        members[path].remove(connection)


async def main() -> None:
    servers = [await serve(handle, "127.0.0.1", 0) for _ in range(int(sys.argv[1]) if sys.argv[1:] else 1)]
    ports: list[int] = [next(iter(server.sockets)).getsockname()[1] for server in servers]
    sys.stdout.write(" ".join(f"http://127.0.0.1:{port}/" for port in ports) + "\n")
    sys.stdout.flush()
    await servers[0].serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
