"""The OpenAPI document: what FastAPI makes of the routes, with errors, security and the idempotency header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .idempotency import PATTERN
from .problems import MEDIA_TYPE, Problem
from .routes import SECURITY_SCHEME

Json = dict[str, Any]

_ERRORS: Mapping[int, str] = {
    400: "The request is not understood: no JSON, or a header that makes no sense.",
    401: "No API key, or a wrong one.",
    403: "The API key lacks the scope, or is not for this room.",
    422: "A field is missing or wrong, or the server's checks refuse the event. Nothing was done.",
    429: "Too much at once: see `retry_after`.",
    500: "A plugin failed. The server's log says which.",
    503: "The server is starting or stopping, or its broker or store is away; or no API key is configured.",
}
_ERRORS_WITH_BODY: Mapping[int, str] = {
    413: "The body, or what it holds, is larger than allowed.",
    415: "The body is not `application/json`.",
}
_ERRORS_WITH_KEY: Mapping[int, str] = {
    409: "A request with this Idempotency-Key is under way.",
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A word of your choice, such as a UUID: the same request with the same key is carried out "
    "once, and answered the same each time.",
    "schema": {"type": "string", "pattern": PATTERN},
}

DESCRIPTION = """\
Publish, look and intervene from other services. What is published takes the way of a client's event: through every
check, into history, to every member.

Each request needs an API key of the section `api:` in config.yaml, in the header `Authorization: Bearer <key>`.
Errors are problem details (RFC 9457); `code` tells them apart.
"""
TAGS = [
    {"name": "Publish", "description": "Events to rooms."},
    {"name": "Notify", "description": "News for people: a room, a user, a client, or everyone."},
    {"name": "Look", "description": "Rooms and users, connections, servers."},
    {"name": "Control", "description": "End connections and memberships."},
    {"name": "Batch", "description": "Several operations in one request."},
]
OFF = "\n**The API is off on this server, as no API key is configured.**\n"


def install_openapi(app: FastAPI, *, is_on: bool) -> None:
    """Let ``app`` describe itself so; made at the first request."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, DESCRIPTION if is_on else DESCRIPTION + OFF)
        return app.openapi_schema

    make: Callable[[], Json] = openapi
    app.openapi = make


def _document(app: FastAPI, description: str) -> Json:
    document = get_openapi(
        title=app.title, version=app.version, description=description, routes=app.routes, tags=TAGS
    )
    components: Json = document.setdefault("components", {})
    schemas: Json = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        SECURITY_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key; the scopes that it has are those that an operation can ask for.",
        }
    }
    for path in document["paths"].values():
        for method, operation in path.items():
            _complete(operation, has_body=method == "post", changes=method != "get")
    return document


def _complete(operation: Json, *, has_body: bool, changes: bool) -> None:
    errors = {**_ERRORS, **(_ERRORS_WITH_BODY if has_body else {}), **(_ERRORS_WITH_KEY if changes else {})}
    responses: Json = operation["responses"]
    for status, text in errors.items():
        known = responses.get(str(status))
        if known is None or "HTTPValidationError" in str(known):
            responses[str(status)] = {"description": text}
    for status, response in responses.items():
        if not status.startswith("2"):
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            response.setdefault("description", HTTPStatus(int(status)).phrase)
            if int(status) in _HEADERS:
                response["headers"] = _HEADERS[int(status)]
        elif changes:
            response["headers"] = {
                "Idempotency-Replayed": {
                    "description": "`true` where this is an earlier answer once more.",
                    "schema": {"type": "string"},
                }
            }
    operation["responses"] = dict(sorted(responses.items()))
    if changes:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
