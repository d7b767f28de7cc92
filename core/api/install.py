"""Puts the API into an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ...protocol import Rejected
from .docs_page import docs_routes
from .gate import Gate
from .openapi import install_openapi
from .problems import ApiError, answer_with_problem
from .routes import router

if TYPE_CHECKING:
    from ..hub import Hub


def install_api(app: FastAPI, hub: Hub) -> None:
    """Let ``app`` answer ``/api``, ``/notify`` and ``/docs``, and let all of its errors be problem details."""
    app.router.redirect_slashes = False  # An address is right or wrong: no body is sent twice.
    app.include_router(router)
    app.add_middleware(Gate, hub=hub)
    for kind in (ApiError, Rejected, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer_with_problem)
    app.router.routes.extend(docs_routes())
    install_openapi(app, is_on=bool(hub.config.api.keys))
