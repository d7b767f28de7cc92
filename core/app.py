"""Puts a server together as a FastAPI application: the only place that knows everything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from .broker import Broker
from .browser import page_routes
from .config import LoadedConfig
from .endpoint import WebSocketEndpoint
from .health import health_routes
from .hub import Hub
from .loader import PluginClass
from .version import VERSION


def create_app(
    loaded: LoadedConfig,
    *,
    plugins: Mapping[str, PluginClass] | None = None,
    broker: Broker | None = None,
) -> FastAPI:
    """The application for a config; its `Hub` is ``app.state.hub``.

    ``plugins`` are classes that the config may name without their being installed.
    Raise `ConfigError` or `PluginError` where the config or a plugin cannot be used.
    """
    hub = Hub(loaded, plugins=plugins, broker=broker)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await hub.start()
        try:
            yield
        finally:
            await hub.stop()

    app = FastAPI(title="Hubbub", version=VERSION, lifespan=lifespan)
    app.state.hub = hub
    path = hub.config.server.path
    endpoint = WebSocketEndpoint(hub)
    for pattern in (path, f"{path}/", f"{path}/{{room:path}}"):
        app.router.routes.append(WebSocketRoute(pattern, endpoint))
    app.router.routes.extend((*health_routes(hub), *page_routes(path)))
    return app
