"""Errors as the API tells them: problem details (RFC 9457), with the error codes of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Literal, cast

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from ...protocol import Json, Rejected

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[str, int] = {
    "bad_json": 400,
    "unknown_type": 422,
    "invalid": 422,
    "too_large": 413,
    "rate_limited": 429,
    "not_in_room": 409,
    "room_full": 409,
    "unauthorized": 403,
    "forbidden": 403,
    "user_offline": 404,
    "expired": 403,
    "unavailable": 503,
    "internal": 500,
}
"""The HTTP status of each error code of the wire; one of a plugin's own is 422, or 503 if it is retryable."""

RETRY_AFTER = 1.0
"""Seconds after which to try again where nobody knows better."""


class FieldProblem(BaseModel):
    """One field of a request that is wrong."""

    path: str = Field(description="where it stands", examples=["body.content"])
    message: str = Field(description="what is wrong with it", examples=["Field required"])


class Problem(BaseModel):
    """What went wrong (RFC 9457): nothing was done."""

    type: Literal["about:blank"] = Field(description="the same for all: `code` tells errors apart")
    title: str = Field(description="the HTTP status in words", examples=["Forbidden"])
    status: int = Field(description="the HTTP status", examples=[403])
    detail: str = Field(
        description="what to do, in a sentence", examples=["The API key 'backend' lacks the scope control."]
    )
    code: str = Field(
        description="which error it is; where a client could get it, the same", examples=["forbidden"]
    )
    retryable: bool = Field(description="whether the same request may succeed later")
    retry_after: float | None = Field(default=None, description="seconds to wait before the next try")
    scope: str | None = Field(default=None, description="the scope that the API key lacks")
    path: str | None = Field(default=None, description="the wrong field of the event")
    expected: str | None = Field(default=None, description="what belongs there")
    example: dict[str, object] | None = Field(default=None, description="an event that is right")
    errors: list[FieldProblem] | None = Field(default=None, description="every wrong field of the request")


class ApiError(Exception):
    """Refuses a request with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Json,
    ) -> None:
        """``retry_after`` is in seconds, and means that it may be tried again; ``more`` is what `Problem` has."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, ceil(retry_after)))
        self.more = {name: value for name, value in more.items() if value is not None}

    @property
    def problem(self) -> dict[str, Json]:
        """The members of the problem details object."""
        told: dict[str, Json] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retry_after is not None,
        }
        if self.retry_after is not None:
            told["retry_after"] = self.retry_after
        return {**told, **self.more}

    def to_response(self) -> JSONResponse:
        """The answer to the caller."""
        return JSONResponse(self.problem, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def refused(rejected: Rejected) -> ApiError:
    """What the pipeline has refused, in the words that a client would get."""
    retryable = rejected.retryable
    status = STATUS.get(rejected.code, 503 if retryable else 422)
    return ApiError(
        status,
        rejected.code,
        rejected.message,
        retry_after=(rejected.retry_after or RETRY_AFTER) if retryable else None,
        path=rejected.path,
        expected=rejected.expected,
        example=rejected.example,
    )


def as_api_error(error: Exception) -> ApiError:
    """What an exception of a route is to the caller."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Rejected):
        return refused(error)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_the_framework(error)
    text = "Something failed on the server. It has been logged; try again later."
    return ApiError(500, "internal", text, retry_after=RETRY_AFTER)


async def answer_with_problem(_: Request, error: Exception) -> JSONResponse:
    """The exception handler of the application."""
    return as_api_error(error).to_response()


def _invalid(error: RequestValidationError) -> ApiError:
    found = [_field_problem(each) for each in error.errors()]
    listed = "; ".join(f"{each['path']}: {each['message']}" for each in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return ApiError(422, "invalid", f"{listed}{more}. Nothing was done.", errors=found)


def _field_problem(details: Mapping[str, object]) -> dict[str, str]:
    path = ".".join(str(part) for part in cast("tuple[str | int, ...]", details["loc"]))
    if details["type"] == "extra_forbidden":
        return {"path": path, "message": "There is no such field"}
    return {"path": path, "message": str(details["msg"]).removeprefix("Value error, ")}


def _of_the_framework(error: HTTPException) -> ApiError:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return ApiError(404, "not_found", "There is nothing at this address; /docs lists the HTTP API.")
    if error.status_code == 405:
        text = f"This address does not understand the method, but: {headers.get('Allow', '')}."
        return ApiError(405, "method_not_allowed", text, headers=headers)
    return ApiError(error.status_code, "invalid", str(error.detail), headers=headers)
