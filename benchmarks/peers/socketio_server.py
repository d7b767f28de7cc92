"""python-socketio on uvicorn: rooms and `emit` as its documentation shows them, over the WebSocket transport."""

# pyright: basic, reportMissingImports=false
import sys
from datetime import UTC, datetime

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", ping_interval=300)
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
