"""The textbook server on several nodes: what the tutorials on FastAPI, WebSockets and Redis arrive at.

A message is encoded and published to its room's channel. A task takes what comes from Redis and sends it, with
`await connection.send_text(...)` in a loop, to the WebSockets that this node has in the room.
"""

# pyright: basic, reportMissingImports=false
import asyncio
import json
import sys
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from redis import asyncio as redis
from textbook import ConnectionManager


class RedisConnectionManager(ConnectionManager):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.redis = redis.from_url(url, max_connections=10_000)  # With 100, a thousand at once meet errors.
        self.pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        self.subscribing = asyncio.Lock()
        self.reader: asyncio.Task[None] | None = None

    async def connect(self, room: str, websocket: WebSocket) -> None:
        await super().connect(room, websocket)
        if len(self.rooms[room]) == 1:
            async with self.subscribing:
                await self.pubsub.subscribe(room)
            if self.reader is None:
                self.reader = asyncio.create_task(self.read())

    async def publish(self, room: str, event: dict[str, str]) -> None:
        await self.redis.publish(room, json.dumps(event))

    async def read(self) -> None:
        async for message in self.pubsub.listen():
            room, text = message["channel"].decode(), message["data"].decode()
            for connection in self.rooms.get(room, []):
                await connection.send_text(text)


app = FastAPI()
manager = RedisConnectionManager(sys.argv[sys.argv.index("--redis") + 1])


@app.websocket("/ws/{room}")
async def chat(websocket: WebSocket, room: str, user: str) -> None:
    await manager.connect(room, websocket)
    try:
        while True:
            event = await websocket.receive_json()
            timestamp = datetime.now(UTC).isoformat()
            message = {"type": "message", "user": user, "content": event["content"], "timestamp": timestamp}
            await manager.publish(room, message)
    except WebSocketDisconnect:
        manager.disconnect(room, websocket)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning",
        backlog=8192, ws_per_message_deflate=False,
    )  # fmt: skip
