"""python-socketio on uvicorn: rooms and `emit` as its documentation shows them, over the WebSocket transport.

With `--redis URL` several servers share rooms through its manager for Redis. Then the handlers of a client run one
after the other: at once, they overtake each other on the way to Redis. There may be more than 100 connections to
it: with these, a thousand clients that send at once meet errors.
"""

# pyright: basic, reportMissingImports=false
import sys
from datetime import UTC, datetime

import socketio
import uvicorn

manager = None
if "--redis" in sys.argv:
    url, options = sys.argv[sys.argv.index("--redis") + 1], {"max_connections": 10_000}
    manager = socketio.AsyncRedisManager(url, redis_options=options)
server = socketio.AsyncServer(
    async_mode="asgi",
    cors_allowed_origins="*",
    ping_interval=300,
    client_manager=manager,
    async_handlers=manager is None,
)
app = socketio.ASGIApp(server)


@server.event
async def join(connection: str, room: str) -> None:
    await server.enter_room(connection, room)
    await server.save_session(connection, {"room": room})
    await server.emit("joined", room, to=connection)


@server.event
async def message(connection: str, content: str) -> None:
    room = (await server.get_session(connection))["room"]
    timestamp = datetime.now(UTC).isoformat()
    event = {"type": "message", "user": connection, "content": content, "timestamp": timestamp}
    await server.emit("message", event, room=room)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning",
        backlog=8192, ws_per_message_deflate=False,
    )  # fmt: skip
