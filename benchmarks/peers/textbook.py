"""The textbook server: what the tutorials on FastAPI and WebSockets arrive at, with rooms.

A ConnectionManager with a list of WebSockets for each room, and `await connection.send_json(...)` in a loop.
"""

import sys
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class ConnectionManager:
    def __init__(self) -> None:
        self.rooms: dict[str, list[WebSocket]] = {}

    async def connect(self, room: str, websocket: WebSocket) -> None:
        await websocket.accept()
        self.rooms.setdefault(room, []).append(websocket)

    def disconnect(self, room: str, websocket: WebSocket) -> None:
        self.rooms[room].remove(websocket)
        if not self.rooms[room]:
            del self.rooms[room]

    async def broadcast(self, room: str, event: dict[str, str]) -> None:
        for connection in self.rooms[room]:
            await connection.send_json(event)


app = FastAPI()
manager = ConnectionManager()


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str, user: str) -> None:
    await manager.connect(room, websocket)
    try:
        while True:
            event = await websocket.receive_json()
            timestamp = datetime.now(UTC).isoformat()
            message = {"type": "message", "user": user, "content": event["content"], "timestamp": timestamp}
            await manager.broadcast(room, message)
    except WebSocketDisconnect:
        manager.disconnect(room, websocket)


if __name__ == "__main__":
    port, compression = int(sys.argv[1]), "--deflate" in sys.argv
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="warning", backlog=8192,
        ws_per_message_deflate=compression,
    )  # fmt: skip
