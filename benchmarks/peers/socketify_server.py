"""uWebSockets (C++) through socketify, with its own topics: the handlers are Python, the fan-out is not."""

# pyright: basic, reportMissingImports=false
import json
import sys
from datetime import UTC, datetime

from socketify import App, CompressOptions, OpCode


def upgrade(response, request, context) -> None:
    response.upgrade(
        request.get_header("sec-websocket-key"), request.get_header("sec-websocket-protocol"),
        request.get_header("sec-websocket-extensions"), context,
        (request.get_parameter(0), request.get_query("user")),
    )  # fmt: skip


def opened(websocket) -> None:
    room, _ = websocket.get_user_data()
    websocket.subscribe(room)


def message(websocket, text, _opcode) -> None:
    room, user = websocket.get_user_data()
    timestamp = datetime.now(UTC).isoformat()
    event = {"type": "message", "user": user, "content": json.loads(text)["content"], "timestamp": timestamp}
    app.publish(room, json.dumps(event), OpCode.TEXT)


app = App()
app.ws(
    "/ws/:room",
    {
        "compression": CompressOptions.DISABLED,
        "max_payload_length": 1 << 20,
        "max_backpressure": 64 << 20,
        "idle_timeout": 300,
        "upgrade": upgrade,
        "open": opened,
        "message": message,
    },
)
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"})
app.run()
