"""Many operations in one request, one after the other, each with its own result."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import Body
from pydantic import BaseModel, Field

from ...protocol import Rejected
from .caller import Caller
from .controlling import disconnect_connection, disconnect_user, remove_member
from .models import (
    REMOVED,
    Delivered,
    Disconnected,
    NewEvent,
    NewMessage,
    Notice,
    RemovedFrom,
    Request,
    RoomName,
    UserName,
)
from .problems import ApiError, Problem, as_api_error
from .publishing import notify_client, notify_everyone, notify_room, notify_user, publish_message, send_event

logger = logging.getLogger(__name__)

_Reason = Annotated[str, Field(min_length=1, max_length=120)]


class PublishOperation(NewMessage):
    """Publishes a message, as `POST /api/rooms/{room}/messages`."""

    do: Literal["publish"]
    room: RoomName


class EventOperation(Request):
    """Takes an event through the pipeline, as `POST /api/rooms/{room}/events`."""

    do: Literal["event"]
    room: RoomName
    event: NewEvent


class NotifyOperation(Notice):
    """Sends a notice: to a room, a user, a client, or to everyone where none of these is given."""

    do: Literal["notify"]
    room: RoomName | None = None
    user: UserName | None = None
    client: UserName | None = None


class DisconnectUserOperation(Request):
    """Disconnects a user, as `DELETE /api/users/{user}/connections`."""

    do: Literal["disconnect_user"]
    user: UserName
    reason: _Reason = REMOVED
    reconnect: bool = False


class DisconnectOperation(Request):
    """Disconnects a connection, as `DELETE /api/connections/{id}`."""

    do: Literal["disconnect"]
    connection: UserName
    reason: _Reason = REMOVED
    reconnect: bool = False


class RemoveOperation(Request):
    """Takes a user out of a room, as `DELETE /api/rooms/{room}/members/{user}`."""

    do: Literal["remove"]
    room: RoomName
    user: UserName


Operation = Annotated[
    PublishOperation
    | EventOperation
    | NotifyOperation
    | DisconnectOperation
    | DisconnectUserOperation
    | RemoveOperation,
    Field(discriminator="do"),
]


class Batch(Request):
    """Operations, in order."""

    operations: list[Operation] = Field(
        min_length=1, description="At most as many as `api.max_batch` of the config says."
    )


BatchBody = Annotated[
    Batch,
    Body(
        openapi_examples={
            "two rooms": {
                "summary": "A message to each of two rooms",
                "value": {
                    "operations": [
                        {"do": "publish", "room": "lobby", "content": "Hello!"},
                        {"do": "publish", "room": "garden", "content": "Hello!"},
                    ]
                },
            }
        }
    ),
]


class Result(BaseModel):
    """What came of one operation: exactly what a request of its own would have been answered."""

    status: int = Field(description="The HTTP status.", examples=[200])
    result: dict[str, object] | None = Field(default=None, description="The answer, of a success.")
    problem: Problem | None = Field(default=None, description="The error, of a failure.")


class Results(BaseModel):
    """One result for each operation, in order."""

    failed: int = Field(description="How many operations failed.")
    results: list[Result]


async def run_batch(caller: Caller, batch: Batch) -> Results:
    """Do one operation after the other; one that fails does not keep the others from being done."""
    limit = caller.hub.config.api.max_batch
    if len(batch.operations) > limit:
        text = f"{len(batch.operations)} operations are too many: a batch has at most {limit}. Nothing was done."
        raise ApiError(413, "too_large", text)
    results = [await _result(caller, each, position) for position, each in enumerate(batch.operations)]
    return Results(failed=sum(each.problem is not None for each in results), results=results)


async def _result(caller: Caller, operation: Operation, position: int) -> Result:
    try:
        done = await _run(caller, operation, position)
    except Exception as error:
        problem = as_api_error(error)
        if not isinstance(error, ApiError | Rejected):
            logger.exception("operation %d of a batch failed", position)
        return Result(status=problem.status, problem=Problem.model_validate(problem.problem))
    return Result(status=200, result=done.model_dump(mode="json", exclude_defaults=True))


async def _run(caller: Caller, operation: Operation, position: int) -> BaseModel:
    match operation:
        case PublishOperation():
            return await publish_message(caller, operation.room, operation, position)
        case EventOperation():
            return await send_event(caller, operation.room, operation.event, position)
        case NotifyOperation():
            return await _notify(caller, operation)
        case DisconnectOperation(connection=id_, reason=reason, reconnect=reconnect):
            count = await disconnect_connection(caller, id_, reason, reconnect=reconnect)
            return Disconnected(connections=count)
        case DisconnectUserOperation(user=user, reason=reason, reconnect=reconnect):
            return Disconnected(connections=await disconnect_user(caller, user, reason, reconnect=reconnect))
        case RemoveOperation(room=room, user=user):
            return RemovedFrom(connections=await remove_member(caller, room, user))


async def _notify(caller: Caller, operation: NotifyOperation) -> Delivered:
    targets = [operation.room, operation.user, operation.client]
    if sum(each is not None for each in targets) > 1:
        raise ApiError(422, "invalid", "A notice goes to a room, a user or a client; without these to everyone.")
    if operation.room is not None:
        return await notify_room(caller, operation.room, operation)
    if operation.user is not None:
        return await notify_user(caller, operation.user, operation)
    if operation.client is not None:
        return await notify_client(caller, operation.client, operation)
    return await notify_everyone(caller, operation)
