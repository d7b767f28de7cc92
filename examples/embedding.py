"""A shop with Hubbub inside: its own routes, rooms under ``/realtime``, and messages from its own code.

Start it with ``uvicorn embedding:app``.
"""

from fastapi import FastAPI, HTTPException
from hubbub.core import Rejected
from hubbub.core.app import create_app
from hubbub.core.config import config_from
from hubbub.core.hub import Hub

realtime = create_app(config_from({"plugins": {"chat": {}, "presence": {}, "validation": {}, "heartbeat": {}}}))
hub: Hub = realtime.state.hub

app = FastAPI(title="Shop", lifespan=hub.lifespan)
app.mount("/realtime", realtime)


@app.post("/orders/{number}/ship")
async def ship(number: int, note: str = "Your order is on its way.") -> dict[str, str]:
    try:
        await hub.publish(f"order-{number}", note, user="shop")
    except Rejected as rejected:
        raise HTTPException(422, rejected.message) from rejected
    return {"status": "shipped"}
