"""The addresses of the API, and what each of them does."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from . import controlling, looking, nodes, publishing
from .batch import BatchBody, Results, run_batch
from .caller import Caller
from .config import Scope
from .gate import CALLER
from .models import (
    REMOVED,
    After,
    ConnectionInPath,
    ConnectionPage,
    Delivered,
    Disconnected,
    Handled,
    HistoryAnswer,
    Limit,
    MemberPage,
    NewEvent,
    NewMessage,
    Notice,
    PresenceAnswer,
    Published,
    Reason,
    Reconnect,
    RemovedFrom,
    RoomInfo,
    RoomInPath,
    RoomPage,
    UserInfo,
    UserInPath,
)
from .nodes import NodeList

SECURITY_SCHEME = "API key"

OFFLINE = "The user is not online."
NO_PLUGIN = "The plugin that answers this is off."


async def _caller(request: Request) -> Caller:
    return cast(Caller, request.scope[CALLER])


CallerOfRequest = Annotated[Caller, Depends(_caller)]


def _operation_id(route: APIRoute) -> str:
    return route.name


router = APIRouter(generate_unique_id_function=_operation_id)


def _documented(scope: Scope | None, summary: str, **errors: str) -> dict[str, Any]:
    """What a route says of itself: the scope that it takes, and errors of its own, as ``_404="…"``."""
    scopes = [] if scope is None else [scope]
    return {
        "summary": summary,
        "response_description": "The answer." if scope == "read" else "Done.",
        "openapi_extra": {"security": [{SECURITY_SCHEME: scopes}]},
        "responses": {int(status.removeprefix("_")): {"description": text} for status, text in errors.items()},
        "response_model_exclude_defaults": True,
    }


# Publishing


@router.post(
    "/api/rooms/{room}/messages", tags=["Publish"], **_documented("publish", "Publish a message to a room")
)
async def publish(room: RoomInPath, body: NewMessage, caller: CallerOfRequest) -> Published:
    """It takes the way of a client's message: through every check, into history, to every member.

    The room needs no members, and `user` need not be online.
    """
    return await publishing.publish_message(caller, room, body)


@router.post("/api/rooms/{room}/events", tags=["Publish"], **_documented("publish", "Send any event to a room"))
async def send_event(room: RoomInPath, body: NewEvent, caller: CallerOfRequest) -> Handled:
    """Any type that a client may send and that is about a room, those of plugins included.

    `presence` and `history` take the scope `read`; types that take a right of their plugin's own take `control`.
    """
    return await publishing.send_event(caller, room, body)


# Notices


@router.post(
    "/api/rooms/{room}/notify", tags=["Notify"], **_documented("notify", "Send a notice to everyone in a room")
)
async def notify_room(room: RoomInPath, body: Notice, caller: CallerOfRequest) -> Delivered:
    """Clients get `{"type":"system","event":"notice"}` with the room, the message and the data."""
    return await publishing.notify_room(caller, room, body)


@router.post(
    "/api/users/{user}/notify",
    tags=["Notify"],
    **_documented("notify", "Send a notice to a user", _404=OFFLINE),
)
async def notify_user(user: UserInPath, body: Notice, caller: CallerOfRequest) -> Delivered:
    """It goes to every connection of the user, in whatever rooms."""
    return await publishing.notify_user(caller, user, body)


@router.post(
    "/notify/{client_id}",
    tags=["Notify"],
    **_documented("notify", "Send a notice to a client", _404="Nobody has this name or id."),
)
async def notify_client(client_id: UserInPath, body: Notice, caller: CallerOfRequest) -> Delivered:
    """`client_id` is the id of a connection, or the name of a user."""
    return await publishing.notify_client(caller, client_id, body)


@router.post("/api/notify", tags=["Notify"], **_documented("notify", "Send a notice to everyone"))
async def notify_everyone(body: Notice, caller: CallerOfRequest) -> Delivered:
    """It goes to every connection on every server."""
    return await publishing.notify_everyone(caller, body)


# Looking


@router.get("/api/rooms", tags=["Look"], **_documented("read", "List the rooms"))
async def list_rooms(
    caller: CallerOfRequest,
    prefix: Annotated[str, Query(max_length=128, description="Only names that begin so.")] = "",
    after: After = None,
    limit: Limit = 100,
) -> RoomPage:
    """Those with somebody in them, by name; a key for single rooms sees these alone."""
    return await looking.list_rooms(caller, prefix, after, limit)


@router.get("/api/rooms/{room}", tags=["Look"], **_documented("read", "Count who is in a room"))
async def describe_room(room: RoomInPath, caller: CallerOfRequest) -> RoomInfo:
    """A room in which nobody is has zeros: there is no other difference between rooms."""
    return looking.describe_room(caller, room)


@router.get("/api/rooms/{room}/members", tags=["Look"], **_documented("read", "List who is in a room"))
async def list_members(
    room: RoomInPath, caller: CallerOfRequest, after: After = None, limit: Limit = 100
) -> MemberPage:
    """Users by name, with the ids of their connections here, and how many they have on other servers."""
    return await looking.list_members(caller, room, after, limit)


@router.get(
    "/api/rooms/{room}/presence",
    tags=["Look"],
    response_model=PresenceAnswer,
    **_documented("read", "Ask the presence plugin who is in a room", _501=NO_PLUGIN),
)
async def presence(room: RoomInPath, caller: CallerOfRequest) -> Response:
    """The same answer that a member of the room would get."""
    return _as_it_is(publishing.as_bytes(await publishing.ask(caller, room, "presence")))


@router.get(
    "/api/rooms/{room}/history",
    tags=["Look"],
    response_model=HistoryAnswer,
    **_documented("read", "Read what was published in a room", _501=NO_PLUGIN),
)
async def history(
    room: RoomInPath,
    caller: CallerOfRequest,
    limit: Annotated[int | None, Query(ge=1, description="How many events; absent: as the plugin says.")] = None,
    before: Annotated[int | None, Query(ge=1, description="Only events with a smaller `seq`.")] = None,
) -> Response:
    """The same answer that a member of the room would get: the newest events, oldest first."""
    return _as_it_is(
        publishing.as_bytes(await publishing.ask(caller, room, "history", limit=limit, before=before))
    )


@router.get("/api/connections", tags=["Look"], **_documented("read", "List the connections"))
async def list_connections(caller: CallerOfRequest, after: After = None, limit: Limit = 100) -> ConnectionPage:
    """Those of the server that answers, by id: its `node` is in the answer."""
    return await looking.list_connections(caller, after, limit)


@router.get("/api/users/{user}", tags=["Look"], **_documented("read", "Look where a user is", _404=OFFLINE))
async def describe_user(user: UserInPath, caller: CallerOfRequest) -> UserInfo:
    """The rooms of a user who is online, the connections here, and how many there are on other servers."""
    return await looking.describe_user(caller, user)


@router.get("/api/nodes", tags=["Look"], **_documented("read", "List the servers"))
async def list_nodes(caller: CallerOfRequest) -> NodeList:
    """The one that answers, and the others that share its broker, with what they last said of themselves."""
    return nodes.list_nodes(caller)


# Controlling


@router.delete(
    "/api/connections/{connection_id}",
    tags=["Control"],
    **_documented("control", "Disconnect a connection", _404="There is no such connection."),
)
async def disconnect_connection(
    connection_id: ConnectionInPath,
    caller: CallerOfRequest,
    reason: Reason = REMOVED,
    reconnect: Reconnect = False,
) -> Disconnected:
    """Closes it with 4003, after which clients stay away, or with 1013."""
    count = await controlling.disconnect_connection(caller, connection_id, reason, reconnect=reconnect)
    return Disconnected(connections=count)


@router.delete(
    "/api/users/{user}/connections",
    tags=["Control"],
    **_documented("control", "Disconnect a user", _404=OFFLINE),
)
async def disconnect_user(
    user: UserInPath,
    caller: CallerOfRequest,
    reason: Reason = REMOVED,
    reconnect: Reconnect = False,
) -> Disconnected:
    """Closes every connection of the user. It bars nobody: who may come in is for an auth plugin to say."""
    return Disconnected(connections=await controlling.disconnect_user(caller, user, reason, reconnect=reconnect))


@router.delete(
    "/api/rooms/{room}/members/{user}",
    tags=["Control"],
    **_documented("control", "Remove a user from a room", _404="The user is not in the room."),
)
async def remove_member(room: RoomInPath, user: UserInPath, caller: CallerOfRequest) -> RemovedFrom:
    """The user's connections stay open, and are told `left` with the reason `kicked`. It bars nobody."""
    return RemovedFrom(connections=await controlling.remove_member(caller, room, user))


# Several at once


@router.post(
    "/api/batch",
    tags=["Batch"],
    **_documented(None, "Do several things, in order"),
)
async def batch(body: BatchBody, caller: CallerOfRequest) -> Results:
    """Each operation takes the scope that its own address takes, and has its own result.

    One that fails does not stop the others. A body that is no batch is refused as a whole.
    """
    return await run_batch(caller, body)


def _as_it_is(body: bytes) -> Response:
    return Response(body, media_type="application/json")
