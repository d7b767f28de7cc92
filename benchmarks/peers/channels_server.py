"""Django Channels on uvicorn: a group for each room over a channel layer, as its tutorial shows.

The layer is the one in memory, or with `--redis URL` or `--redis-pubsub URL` one of the two of channels_redis. A
layer's capacity is raised from 100: at its default it drops messages of a busy room without a word. So is the
number of connections to Redis: with 100, a thousand clients that come at once meet errors.
"""

# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
import sys
from datetime import UTC, datetime
from urllib.parse import parse_qs

import uvicorn
from django.conf import settings

CAPACITY = 1_000_000


def hosts(url: str) -> list[dict[str, object]]:
    return [{"address": url, "max_connections": 10_000}]


def layer(kind: str = "", url: str = "") -> dict[str, object]:
    if kind == "--redis":
        backend, config = "channels_redis.core.RedisChannelLayer", {"hosts": hosts(url), "capacity": CAPACITY}
    elif kind == "--redis-pubsub":
        backend, config = "channels_redis.pubsub.RedisPubSubChannelLayer", {"hosts": hosts(url)}
    else:
        backend, config = "channels.layers.InMemoryChannelLayer", {"capacity": CAPACITY}
    return {"BACKEND": backend, "CONFIG": config}


settings.configure(SECRET_KEY="benchmark", ALLOWED_HOSTS=["*"], CHANNEL_LAYERS={"default": layer(*sys.argv[2:4])})

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 - needs the settings
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402


class Chat(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        self.group = "room_" + self.scope["url_route"]["kwargs"]["room"]
        self.user = parse_qs(self.scope["query_string"].decode())["user"][0]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: dict[str, str]) -> None:
        timestamp = datetime.now(UTC).isoformat()
        event = {"user": self.user, "content": content["content"], "timestamp": timestamp}
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "event": event})

    async def chat_message(self, message: dict[str, dict[str, str]]) -> None:
        await self.send_json({"type": "message", **message["event"]})


app = ProtocolTypeRouter({"websocket": URLRouter([path("ws/<str:room>", Chat.as_asgi())])})

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning",
        backlog=8192, ws_per_message_deflate=False, lifespan="off",
    )  # fmt: skip
